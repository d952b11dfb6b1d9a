package config

import (
	"crypto/tls"
	"flag"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
)

// fromNATS puts what nats-server understood into our fields. Values that it
// fills in later, when it starts, come from our defaults.
func fromNATS(o *server.Options, logtimeSet bool) Options {
	got := Options{
		Host: o.Host, Port: o.Port, ServerName: o.ServerName, ClientAdvertise: o.ClientAdvertise,
		MaxPayload: int(o.MaxPayload), MaxPending: o.MaxPending, MaxControlLine: int(o.MaxControlLine),
		MaxConnections: o.MaxConn, MaxSubscriptions: max(o.MaxSubs, 0), MaxSubTokens: int(o.MaxSubTokens),
		PingInterval: o.PingInterval, PingMax: o.MaxPingsOut, WriteDeadline: o.WriteDeadline,
		NoFastProducerStall: o.NoFastProducerStall, NoHeaderSupport: o.NoHeaderSupport,
		LameDuckDuration: o.LameDuckDuration, LameDuckGracePeriod: o.LameDuckGracePeriod,
		HTTPHost: o.HTTPHost, HTTPPort: o.HTTPPort, ProfPort: o.ProfPort, ProfBlockRate: o.ProfBlockRate,
		Username: o.Username, Password: o.Password, Token: o.Authorization,
		AuthTimeout: time.Duration(o.AuthTimeout * float64(time.Second)),
		Debug:       o.Debug, Trace: o.Trace, LogFile: o.LogFile, LogSizeLimit: o.LogSizeLimit, LogMaxNum: int(o.LogMaxFiles),
		NoLogtime: logtimeSet && !o.Logtime, LogtimeUTC: o.LogtimeUTC,
		PidFile: o.PidFile, PortsFileDir: o.PortsFileDir, ConfigFile: o.ConfigFile,
	}
	got.AuthorizationBlock = peek(reflect.ValueOf(o), "authBlockDefined").Bool()
	return got.WithDefaults()
}

// natsFiles is every *.conf below testdata/nats: files that both understand.
func natsFiles(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("testdata", "nats", "*.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 12 {
		t.Fatalf("only %d files to compare", len(files))
	}
	return files
}

// TestSameMeaningAsNATSServer compares what a file means with nats-server.
func TestSameMeaningAsNATSServer(t *testing.T) {
	t.Setenv("CONFIG_TEST_HOST", "10.1.2.3")
	for _, file := range natsFiles(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			reference, err := server.ProcessConfigFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := LoadFile(file, nil)
			if err != nil {
				t.Fatal(err)
			}
			logtimeSet := filepath.Base(file) == "logging.conf"
			if diff := cmp.Diff(fromNATS(reference, logtimeSet), got); diff != "" {
				t.Errorf("options (-nats-server +got):\n%s", diff)
			}
			if cmp.Equal(got, Options{ConfigFile: file}.WithDefaults()) {
				t.Error("the file sets nothing")
			}
		})
	}
}

// TestSameFlagsAsNATSServer compares flags over a file with nats-server. Its
// parser keeps global state: no parallel tests here.
func TestSameFlagsAsNATSServer(t *testing.T) {
	base := writeFile(t, "a.conf", "listen: \"1.2.3.4:5000\"\nhttp: 8000\ndebug: true\nlogtime: false\n"+
		"authorization { user: a, password: b }\npid_file: p\n")
	tests := map[string][]string{
		"none":         {},
		"short":        {"-a", "h", "-p", "6000", "-n", "x", "-P", "y", "-m", "6001", "-l", "z", "-D"},
		"long":         {"--addr", "h", "--port", "6000", "--name", "x", "--pid", "y", "--http_port", "6001", "--log", "z", "--debug", "--profile", "6002"},
		"others":       {"-net=h", "--server_name=x", "-client_advertise", "h:1", "-ports_file_dir", "d", "--log_size_limit=5"},
		"off":          {"-D=false", "-V=0", "-T=true"},
		"both":         {"-DV"},
		"neither":      {"-DV=false"},
		"verbose":      {"-VV"},
		"all of it":    {"-DVV"},
		"not there":    {"-js", "-sd", "x", "-s", "-r", "udp://x:1", "--cluster", "nats://x:1", "--routes", "nats://y:1", "--no_advertise", "--max_traced_msg_len", "5"},
		"user":         {"--user", "u", "--pass", "p"},
		"logtime":      {"--logtime", "--logtime_utc"},
		"repeated":     {"-p", "1", "-p", "2"},
		"random ports": {"-p", "-1", "-m=-1", "-profile=-1"},
	}
	for name, args := range tests {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"-c", base}, args...)
			unexpected := func() { t.Error("nats-server took it for a question") }
			reference, err := server.ConfigureOptions(flag.NewFlagSet("", flag.ContinueOnError), args, unexpected, unexpected, unexpected)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(args, nil)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(fromNATS(reference, true), got.Options); diff != "" {
				t.Errorf("options (-nats-server +got):\n%s", diff)
			}
		})
	}
}

// TestNATSServerRefusesToo: what nats-server refuses in a file, we refuse.
func TestNATSServerRefusesToo(t *testing.T) {
	t.Parallel()
	for _, content := range []string{
		"prot: 1", "port: \"4222\"", "port: yes", "host: 5", "debug: 1", "listen: \"a\"", "listen: \"a:b\"", "listen: [1]",
		"max_payload: 3GB", "max_control_line: 3GB", "max_sub_tokens: 256", "max_sub_tokens: -1", "ping_interval: \"5\"",
		"ping_interval: 1.5x", "lame_duck_duration: \"10s\"", "lame_duck_duration: \"x\"", "lame_duck_grace_period: \"-1s\"",
		"authorization: x", "authorization { usr: x }", "authorization { user: 5 }", "authorization { timeout: \"x\" }",
		"authorization { user: u, pass: p, token: t }", "server_name: \"a b\"", "http: { }", "pid_file: 1", "logtime: 1", "prof_port: \"1\"", "prof_block_rate: true",
		"authorization { users: { user: a } }", "authorization { users: [ { password: a } ] }", "authorization { users: [ { nkey: UX } ] }",
		"authorization { user: a, users: [ {user: b} ] }", "authorization { users: [ {user: b}, {user: b} ] }",
		"authorization { users: [ {user: a, permissions: x} ] }", "authorization { users: [ {user: a, permissions: { publish: \"a..b\" } } ] }",
		"authorization { users: [ {user: a, permissions: { publish: \"a b\" } } ] }", "authorization { users: [ {user: a, permissions: { sub: \"a b c\" } } ] }",
		"authorization { users: [ {user: a, clients: x} ] }", "authorization { users: [ {user: a, permissions: { allow_responses: x } } ] }",
		"authorization { users: [ {user: a, permissions: { publish: { allowed: x } } } ] }",
		"accounts { $G {} }", "accounts: [ A, A ]", "accounts { A: x }", "accounts { A { nkey: x } }", "accounts { A { exports: { stream: a } } }",
		"accounts { A { exports: [ { stream: a, accounts: [ B ] } ] } }", "accounts { A { imports: [ { stream: { account: B, subject: a } } ] } }",
		"accounts { A {}, B { imports: [ { stream: { account: A, subject: a } } ] } }",
		"accounts { A { exports: [ { stream: \"a.*\", account_token_position: 1 } ] } }",
		"accounts { A { exports: [ { service: a, response: x } ] } }", "accounts { A { exports: [ { stream: a, response: single } ] } }",
		"accounts { A { exports: [ { service: a, latency: { sampling: 5 } } ] } }",
		"accounts { A { exports: [ { service: a, latency: { sampling: 0, subject: b } } ] } }", "accounts { A { mappings { a: { dest: b } } } }",
		"mappings { a: [ { dest: b, weight: 60 }, { dest: c, weight: 60 } ] }", "mappings { a: { dest: b, weight: 101 } }", "mappings { \"a..b\": c }",
		"tls { cert_file: c }", "tls { cipher_suites: [ x ] }", "tls { min_version: \"1.1\" }", "tls { handshake_first: x }", "tls { curve_preferences: [ x ] }",
		"tls { pinned_certs: [ x ] }", "tls { x: 1 }", "websocket { x: 1 }", "websocket: 1", "websocket { headers { a: 5 } }",
		"trusted_keys: x", "resolver: nowhere", "resolver { dir: d }", "resolver { type: full }",
		"resolver_preload { A: b }", "resolver_preload: x", "https: x", "websocket { listen: x }",
		"port: $NO_SUCH_VARIABLE_HERE", "include no-such-file.conf", "port: [", "port", "authorization {", "max_pending: true",
	} {
		file := writeFile(t, "a.conf", content)
		if _, err := server.ProcessConfigFile(file); err == nil {
			t.Errorf("%q: nats-server accepts it", content)
		}
		if _, _, err := LoadFile(file, nil); err == nil {
			t.Errorf("%q: no error", content)
		}
	}
}

// takes reports what keeps nats-server from starting with a file.
func takes(content string) error {
	o := &server.Options{NoSigs: true, NoLog: true}
	if err := o.ProcessConfigString(content); err != nil {
		return err
	}
	s, err := server.NewServer(o)
	if err == nil {
		s.Shutdown()
	}
	return err
}

// TestStricterThanNATSServer: what nats-server takes, and ignores or clips or
// fails at later, we refuse on purpose.
func TestStricterThanNATSServer(t *testing.T) {
	t.Parallel()
	for _, content := range []string{
		"authorization { password: p }", "websocket { port: -1, no_tls: true, authorization { user: a, token: b } }",
		"accounts { A { limits { max_conn: 0 } } }", "accounts { A { limits { max_payload: 5GB } } }", "accounts { \"A b\" {} }",
		"accounts { A { exports: [ { accounts: [ A ] } ] } }", "accounts { A {}, B { imports: [ { to: x } ] } }",
		"mappings { a: \"\" }", "tls { }",
		"host: a, net: b", "listen: \"h:1\", port: 2", "ping_interval: \"-1s\"", "max_payload: -1", "authorization { timeout: -1 }",
		"port: 70000", "client_advertise: \"a:b\"", "https_port: 5",
	} {
		if err := takes(content); err != nil {
			t.Errorf("%q: nats-server refuses it too: %v", content, err)
		}
		if _, _, err := LoadFile(writeFile(t, "a.conf", content), nil); err == nil {
			t.Errorf("%q: no error", content)
		}
	}
}

// TestLaxerThanNATSServer: what nats-server refuses though it can be meant in
// one way only, we take.
func TestLaxerThanNATSServer(t *testing.T) {
	t.Parallel()
	for _, content := range []string{
		"max_sub_tokens: 0", "lame_duck_duration: 90", "write_deadline: 1.5", "listen: \"5000\"",
		"accounts { A { exports: [ { stream: a, accounts: A } ] } }", "authorization { permissions { allow_responses: 5 } }",
		"authorization { user: a, users: [] }",
	} {
		if takes(content) == nil {
			t.Errorf("%q: nats-server takes it too", content)
		}
		if _, _, err := LoadFile(writeFile(t, "a.conf", content), nil); err != nil {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// TestTLSFlagsOverAFile: flags change single keys of the tls block. In
// nats-server they replace it, and nobody is asked for a certificate any more.
func TestTLSFlagsOverAFile(t *testing.T) {
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	writeCertificate(t, cert, key)
	file := writeFile(t, "a.conf", fmt.Sprintf("tls { cert_file: %q, key_file: %q, verify: true }", cert, key))
	args := []string{"-c", file, "--tlscert", cert, "--tlskey", key}
	unexpected := func() { t.Error("nats-server took it for a question") }
	theirs, err := server.ConfigureOptions(flag.NewFlagSet("", flag.ContinueOnError), args, unexpected, unexpected, unexpected)
	if err != nil {
		t.Fatal(err)
	}
	if theirs.TLSConfig.ClientAuth != tls.NoClientCert {
		t.Errorf("nats-server asks for certificates: %v", theirs.TLSConfig.ClientAuth)
	}
	ours, err := Parse(args, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !ours.Options.TLS.Verify {
		t.Error("verify of the file is lost")
	}
}
