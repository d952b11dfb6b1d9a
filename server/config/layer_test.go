package config

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// writeFile writes a file into the test's folder and returns its path.
func writeFile(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// sample holds three values of a key, in the spelling of a file, and what they
// mean: one for the file, one for the environment, one for the flag.
type sample struct {
	values [3]string
	want   [3]any
	with   string // lines that the block in the file needs
	root   string // lines that the file needs besides
}

// tlsSamples are those of a tls block. All need a certificate.
func tlsSamples() map[string]sample {
	pair := "  cert_file: c\n  key_file: k\n"
	list := func(name string) sample {
		return sample{values: [3]string{"[" + name + "]"}, want: [3]any{[]string{name}}}
	}
	all := map[string]sample{
		"cert_file":                    texts("ca", "cb", "cc"),
		"key_file":                     texts("ka", "kb", "kc"),
		"ca_file":                      texts("aa", "ab", "ac"),
		"verify":                       booleans,
		"verify_and_map":               booleans,
		"cipher_suites":                list("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"),
		"allow_insecure_cipher_suites": booleans,
		"curve_preferences":            list("CurveP384"),
		"min_version":                  {values: [3]string{`"1.3"`, "1.2", ""}, want: [3]any{"1.3", "1.2"}},
		"timeout":                      {values: [3]string{"0.5", "3s", ""}, want: [3]any{500 * time.Millisecond, 3 * time.Second}},
		"handshake_first":              booleans,
		"connection_rate_limit":        {values: [3]string{"10", "2k", ""}, want: [3]any{int64(10), int64(2000)}},
		"pinned_certs":                 list(strings.Repeat("0a", 32)),
		"insecure":                     booleans,
	}
	for key, s := range all {
		s.with = pair
		if key == "cert_file" || key == "key_file" {
			s.with = strings.Replace(pair, "  "+key+": "+key[:1]+"\n", "", 1)
		}
		all[key] = s
	}
	return all
}

// permissionSamples are those of a block of permissions.
func permissionSamples() map[string]sample {
	subjects := sample{values: [3]string{`["a.>", b]`}, want: [3]any{[]string{"a.>", "b"}}}
	return map[string]sample{
		"publish.allow":           subjects,
		"publish.deny":            subjects,
		"subscribe.allow":         subjects,
		"subscribe.deny":          subjects,
		"allow_responses.max":     {values: [3]string{"5", "-1", ""}, want: [3]any{5, -1}},
		"allow_responses.expires": {values: [3]string{`"3s"`, "-1s", ""}, want: [3]any{3 * time.Second, -time.Second}},
	}
}

func texts(a, b, c string) sample {
	return sample{values: [3]string{a, b, c}, want: [3]any{a, b, c}}
}

var booleans = sample{values: [3]string{"true", "false", "true"}, want: [3]any{true, false, true}}

func samples() map[string]sample {
	type v = [3]string
	type w = [3]any
	password := texts("pa", "pb", "pc")
	password.with = "  user: u\n"
	users := "authorization { users: [ {user: ua}, {user: ub} ] }\n"
	resolver := func(with string, values v, want w) sample { return sample{values: values, want: want, with: with} }
	all := map[string]sample{
		"host":                   texts("127.0.0.1", "127.0.0.2", "127.0.0.3"),
		"port":                   {values: v{"1001", "-1", "1003"}, want: w{1001, -1, 1003}},
		"server_name":            texts("na", "nb", "nc"),
		"client_advertise":       texts("ha:1", "hb", "hc:3"),
		"max_payload":            {values: v{"2KB", "3000", ""}, want: w{2048, 3000}},
		"max_pending":            {values: v{"8MB", "9MiB", ""}, want: w{int64(8 << 20), int64(9 << 20)}},
		"max_control_line":       {values: v{"1k", "2kb", ""}, want: w{1000, 2048}},
		"max_connections":        {values: v{"10", "2k", ""}, want: w{10, 2000}},
		"max_subscriptions":      {values: v{"10", "-1", ""}, want: w{10, 0}},
		"max_sub_tokens":         {values: v{"10", "255", ""}, want: w{10, 255}},
		"no_header_support":      booleans,
		"ping_interval":          {values: v{`"3s"`, "4m", ""}, want: w{3 * time.Second, 4 * time.Minute}},
		"ping_max":               {values: v{"5", "6", ""}, want: w{5, 6}},
		"write_deadline":         {values: v{`"5s"`, "6s", ""}, want: w{5 * time.Second, 6 * time.Second}},
		"no_fast_producer_stall": booleans,
		"lame_duck_duration":     {values: v{`"30s"`, "1h", ""}, want: w{30 * time.Second, time.Hour}},
		"lame_duck_grace_period": {values: v{`"1s"`, "2s", ""}, want: w{time.Second, 2 * time.Second}},
		"http_port":              {values: v{"8001", "-1", "8003"}, want: w{8001, -1, 8003}},
		"prof_port":              {values: v{"7001", "-1", "7003"}, want: w{7001, -1, 7003}},
		"prof_block_rate":        {values: v{"10", "-1", ""}, want: w{10, 0}},
		"authorization.user":     texts("ua", "ub", "uc"),
		"authorization.password": password,
		"authorization.token":    texts("ta", "tb", "tc"),
		"authorization.timeout":  {values: v{"0.5", "3", ""}, want: w{500 * time.Millisecond, 3 * time.Second}},
		"debug":                  booleans,
		"trace":                  booleans,
		"log_file":               texts("fa", "fb", "fc"),
		"log_size_limit":         {values: v{"1MB", "2MB", "3000"}, want: w{int64(1 << 20), int64(2 << 20), int64(3000)}},
		"log_max_num":            {values: v{"3", "4", ""}, want: w{3, 4}},
		"logtime":                {values: v{"false", "true", "false"}, want: w{true, false, true}},
		"logtime_utc":            booleans,
		"log_format":             texts("json", "text", ""),
		"pid_file":               texts("ia", "ib", "ic"),
		"ports_file_dir":         texts("da", "db", "dc"),
		"unix_socket":            texts("sa", "sb", "sc"),
		"https_port":             {values: v{"8001", "-1", "8003"}, want: w{8001, -1, 8003}, root: "tls { cert_file: c, key_file: k }\n"},
		"allow_non_tls":          booleans,
		"no_auth_user":           {values: v{"ua", "ub", ""}, want: w{"ua", "ub"}, root: users},
		"always_enable_nonce":    booleans,
		"system_account":         {values: v{"sa", "sb", ""}, want: w{"sa", "sb"}, root: "accounts: [ sa, sb ]\n"},
		"operator":               {values: v{"[oa]"}, want: w{[]string{"oa"}}},
		"trusted_keys":           {values: v{operatorKey}, want: w{[]string{operatorKey}}},
		"resolver.type":          resolver("  dir: d\n", v{"FULL", "cache", ""}, w{"full", "cache"}),
		"resolver.url":           resolver("  type: url\n", v{`"http://a/b"`, "https://b", ""}, w{"http://a/b", "https://b"}),
		"resolver.dir":           resolver("  type: full\n", v{"da", "db", ""}, w{"da", "db"}),
		"resolver.allow_delete":  resolver("  type: full\n  dir: d\n", v{"true", "false", ""}, w{true, false}),
		"resolver.hard_delete":   resolver("  type: full\n  dir: d\n  allow_delete: true\n", v{"true", "false", ""}, w{true, false}),
		"resolver.interval":      resolver("  type: full\n  dir: d\n", v{`"3s"`, "4m", ""}, w{3 * time.Second, 4 * time.Minute}),
		"resolver.ttl":           resolver("  type: cache\n  dir: d\n", v{`"3s"`, "4m", ""}, w{3 * time.Second, 4 * time.Minute}),
		"resolver.limit":         resolver("  type: cache\n  dir: d\n", v{"10", "2k", ""}, w{int64(10), int64(2000)}),
		"resolver.timeout":       resolver("  type: cache\n  dir: d\n", v{`"3s"`, "4m", ""}, w{3 * time.Second, 4 * time.Minute}),
		"default_sentinel":       {values: v{"ja", "jb", ""}, want: w{"ja", "jb"}, root: "operator: o\n"},
		"trace_verbose":          {values: v{"true", "false", "true"}, want: w{true, true, true}}, // false says nothing

		"websocket.host":                   texts("127.0.0.1", "127.0.0.2", ""),
		"websocket.port":                   {values: v{"1001", "-1", ""}, want: w{1001, -1}, with: "  no_tls: true\n"},
		"websocket.advertise":              texts("ha:1", "hb", ""),
		"websocket.no_tls":                 booleans,
		"websocket.same_origin":            booleans,
		"websocket.allowed_origins":        {values: v{`"https://a.b"`}, want: w{[]string{"https://a.b"}}},
		"websocket.compression":            booleans,
		"websocket.handshake_timeout":      {values: v{"3", "4m", ""}, want: w{3 * time.Second, 4 * time.Minute}},
		"websocket.headers":                {values: v{`{ "X-A": b, y: c }`}, want: w{map[string]string{"X-A": "b", "y": "c"}}},
		"websocket.jwt_cookie":             texts("ca", "cb", ""),
		"websocket.user_cookie":            texts("ca", "cb", ""),
		"websocket.pass_cookie":            texts("ca", "cb", ""),
		"websocket.token_cookie":           texts("ca", "cb", ""),
		"websocket.no_auth_user":           texts("ua", "ub", ""),
		"websocket.authorization.user":     texts("ua", "ub", ""),
		"websocket.authorization.password": texts("pa", "pb", ""),
		"websocket.authorization.token":    texts("ta", "tb", ""),
		"websocket.authorization.timeout":  {values: v{"0.5", "3", ""}, want: w{500 * time.Millisecond, 3 * time.Second}},
		"websocket.ping_interval":          {values: v{`"3s"`, "4m", ""}, want: w{3 * time.Second, 4 * time.Minute}},
	}
	for _, block := range []string{"tls", "websocket.tls", "resolver_tls"} {
		for key, s := range tlsSamples() {
			all[block+"."+key] = s
		}
	}
	maps.Copy(all, hookSamples())
	for key, s := range permissionSamples() {
		all["authorization.default_permissions."+key] = s
	}
	return all
}

// The public keys of seeds that are all ones.
const (
	userKey     = "UCFIRY65OQE7DFP5KLNS2PF2LVZMUZYJX4OZIEQ36N2IQANUB5XVZ45L"
	accountKey  = "ACFIRY65OQE7DFP5KLNS2PF2LVZMUZYJX4OZIEQ36N2IQANUB5XVYYOU"
	operatorKey = "OCFIRY65OQE7DFP5KLNS2PF2LVZMUZYJX4OZIEQ36N2IQANUB5XVYOCS"
)

// spelled writes a setting as a file has it, blocks and all.
func spelled(path, name string, s sample) string {
	blocks := strings.Split(path, ".")
	blocks = blocks[:len(blocks)-1]
	var b strings.Builder
	for _, name := range blocks {
		fmt.Fprintf(&b, "%s {\n", name)
	}
	fmt.Fprintf(&b, "  %s: %s\n%s%s%s", name, s.values[0], s.with, strings.Repeat("}\n", len(blocks)), s.root)
	return b.String()
}

// TestEveryKeyInEveryLayer sets each key, in each spelling, by file, variable
// and flag, and checks that the later layer wins.
func TestEveryKeyInEveryLayer(t *testing.T) {
	t.Parallel()
	all := samples()
	for _, it := range known().leaves() {
		isBlocks := it.kind == list && it.each.kind == block
		if it.flagOnly() || it.kind == address || it.kind == unsupported || it.commandOnly || isBlocks {
			continue // have tests of their own
		}
		s, ok := all[it.path]
		if !ok {
			t.Errorf("no sample for %s", it.path)
			continue
		}
		t.Run(it.path, func(t *testing.T) {
			t.Parallel()
			field := it.paths()[0]
			check := func(what string, args, environ []string, want any) {
				t.Helper()
				cmd, err := Parse(args, environ)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				got := fieldAt(reflect.ValueOf(cmd.Options), field).Interface()
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
				if len(cmd.Warnings) > 0 && it.kind != duration && it.lacks == "" {
					t.Errorf("%s: warnings %q", what, cmd.Warnings)
				}
			}
			var file string
			for _, name := range append(it.names(), strings.ToUpper(it.key)) {
				file = writeFile(t, "a.conf", spelled(it.path, name, s))
				check("file "+name, []string{"-c", file}, nil, s.want[0])
			}
			if it.env() == "" {
				return
			}
			environ := []string{it.env() + "=" + s.values[1]}
			check("variable", []string{"-c", file}, environ, s.want[1])
			for _, f := range it.flags {
				args := []string{"-c", file, "-" + f + "=" + s.values[2]}
				check("flag -"+f, args, environ, s.want[2])
				args[2] = "-" + args[2]
				check("flag --"+f, args, environ, s.want[2])
				if it.kind != boolean {
					check("flag in two", []string{"-" + f, s.values[2], "-c", file}, environ, s.want[2])
				}
			}
		})
	}
}

// TestLayers is about what one key or flag alone does not show.
func TestLayers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		file    string
		environ []string
		args    []string
		want    Options // without defaults
	}{
		{name: "nothing"},
		{name: "listen", file: `listen: "127.0.0.1:5000"`, want: Options{Host: "127.0.0.1", Port: 5000}},
		{name: "listen without quotes", file: `listen: 127.0.0.1:5000`, want: Options{Host: "127.0.0.1", Port: 5000}},
		{name: "listen with a name", file: `listen: localhost:5000`, want: Options{Host: "localhost", Port: 5000}},
		{name: "listen with a port", file: `listen: 5000`, want: Options{Port: 5000}},
		{name: "listen with a colon and port", file: `listen: ":5000"`, want: Options{Port: 5000}},
		{name: "listen IPv6", file: `listen: "[::1]:5000"`, want: Options{Host: "::1", Port: 5000}},
		{name: "listen random", file: `listen: "h:-1"`, want: Options{Host: "h", Port: -1}},
		{
			name: "-a and -p override listen", file: `listen: "127.0.0.1:5000"`,
			args: []string{"-a", "h", "-p", "6000"}, want: Options{Host: "h", Port: 6000},
		},
		{
			name: "-p alone leaves the host", file: `listen: "127.0.0.1:5000"`,
			args: []string{"-p", "6000"}, want: Options{Host: "127.0.0.1", Port: 6000},
		},
		{
			name: "MOONWIRE_LISTEN", file: `listen: "127.0.0.1:5000"`,
			environ: []string{"MOONWIRE_LISTEN=h:6000"}, want: Options{Host: "h", Port: 6000},
		},
		{
			name: "MOONWIRE_LISTEN with a port", file: `listen: "127.0.0.1:5000"`,
			environ: []string{"MOONWIRE_LISTEN=6000"}, want: Options{Host: "127.0.0.1", Port: 6000},
		},
		{name: "port 0 is the default", file: `port: 0`},
		{name: "http", file: `http: "127.0.0.1:8222"`, want: Options{HTTPHost: "127.0.0.1", HTTPPort: 8222}},
		{name: "http with a port", file: "host: h\nhttp: 8222", want: Options{Host: "h", HTTPHost: "h", HTTPPort: 8222}},
		{
			name: "-m leaves the monitoring host", file: `http: "127.0.0.1:8222"`,
			args: []string{"-m", "-1"}, want: Options{HTTPHost: "127.0.0.1", HTTPPort: -1},
		},
		{name: "-DV", args: []string{"-DV"}, want: Options{Debug: true, Trace: true}},
		{name: "-DV=false", file: "debug: true, trace: true", args: []string{"-DV=false"}},
		{name: "-DV then -V=false", args: []string{"-DV", "-V=false"}, want: Options{Debug: true}},
		{name: "-D=false over a file", file: "debug: true", args: []string{"-D=false"}},
		{name: "-T=false", args: []string{"-T=false"}, want: Options{NoLogtime: true}},
		{
			name: "https", file: "https: \"127.0.0.1:8443\", tls { cert_file: c, key_file: k }",
			want: Options{HTTPHost: "127.0.0.1", HTTPSPort: 8443, TLS: &TLS{CertFile: "c", KeyFile: "k"}},
		},
		{
			name: "TLS by flags", args: []string{"--tls", "--tlscert", "c", "--tlskey=k", "--tlscacert", "a", "--tlsverify"},
			want: Options{TLS: &TLS{CertFile: "c", KeyFile: "k", CAFile: "a", Verify: true}},
		},
		{
			name: "a TLS flag over a file", file: "tls { cert_file: c, key_file: k, timeout: 3 }", args: []string{"--tlscert", "d"},
			want: Options{TLS: &TLS{CertFile: "d", KeyFile: "k", Timeout: 3 * time.Second}},
		},
		{name: "--tls=false", file: "tls { cert_file: c, key_file: k }", args: []string{"--tls=false", "--tlscert", "d"}},
		{name: "--tls leaves a file alone", file: "tls { cert_file: c, key_file: k }", args: []string{"--tls"}, want: Options{TLS: &TLS{CertFile: "c", KeyFile: "k"}}},
		{name: "MOONWIRE_TLS_", environ: []string{"MOONWIRE_TLS_CERT_FILE=c", "MOONWIRE_TLS_KEY_FILE=k", "MOONWIRE_TLS_HANDSHAKE_FIRST=auto"}, want: Options{TLS: &TLS{CertFile: "c", KeyFile: "k", HandshakeFirst: true, HandshakeFallback: 50 * time.Millisecond}}},
		{name: "MOONWIRE_TLS_HANDSHAKE_FIRST as a boolean", file: "tls { cert_file: c, key_file: k, first: auto }", environ: []string{"MOONWIRE_TLS_HANDSHAKE_FIRST=no"}, want: Options{TLS: &TLS{CertFile: "c", KeyFile: "k"}}},
		{name: "WebSocket listen", file: "ws { listen: \"h:1\", no_tls: true }", want: Options{WebSocket: WebSocket{Host: "h", Port: 1, NoTLS: true}}},
		{name: "resolver mem", file: "resolver: mem", want: Options{Resolver: Resolver{Type: "memory"}}},
		{name: "resolver URL", file: `resolver: "url( \"https://a/b\" )"`, want: Options{Resolver: Resolver{Type: "url", URL: "https://a/b"}}},
		{
			name: "responses as a number", file: "authorization { permissions { allow_responses: 5 } }",
			want: Options{AuthorizationBlock: true, DefaultPermissions: &Permissions{Responses: &Responses{Max: 5}}},
		},
		{
			name: "mappings in the long form", file: "mappings: [ { source: a, destinations: b } ]",
			want: Options{Mappings: []Mapping{{Source: "a", Destinations: []Destination{{Subject: "b", Weight: 100}}}}},
		},
		{
			name: "accounts in the long form", file: "accounts: [ A, { name: B, users: [ { user: u } ] } ]",
			want: Options{Accounts: []Account{{Name: "A"}, {Name: "B", Users: []User{{Username: "u"}}}}},
		},
		{name: "later flag wins", args: []string{"-p", "1", "--port=2"}, want: Options{Port: 2}},
		{name: "empty variable is unset", file: "port: 5000", environ: []string{"MOONWIRE_PORT="}, want: Options{Port: 5000}},
		{
			name: "empty flag is the default", file: "host: h", args: []string{"-a", ""},
		},
		{
			name: "variables of an orchestrator",
			environ: []string{
				"MOONWIRE_PORT=tcp://10.0.0.1:4222", "MOONWIRE_SERVICE_HOST=10.0.0.1", "MOONWIRE_SERVICE_PORT=4222",
				"MOONWIRE_PORT_4222_TCP_ADDR=10.0.0.1", "OTHER=1",
			},
		},
		{name: "case of keys", file: "Authorization { USER: Bob, Pass: Pw }", want: Options{AuthorizationBlock: true, Username: "Bob", Password: "Pw"}},
		{
			name: "the same said twice", file: "port: 5000, listen: \"h:5000\", host: h, net: h",
			want: Options{Host: "h", Port: 5000},
		},
		{
			name: "bcrypt without quotes",
			file: "authorization { user: u, password: $2a$11$PWIFAL8RsWyGI3jVZtO9Nu8.6jOxzxfZo7c/W0eLk017hjgUKWrhy }",
			want: Options{AuthorizationBlock: true, Username: "u", Password: "$2a$11$PWIFAL8RsWyGI3jVZtO9Nu8.6jOxzxfZo7c/W0eLk017hjgUKWrhy"},
		},
		{name: "explicit zeros", file: "max_payload: 0, ping_max: 0, max_subs: 0, http_port: 0, write_deadline: \"0s\""},
		{name: "a variable of the file", file: "p: 5000\nport: $p", want: Options{Port: 5000}},
		{name: "a block as a variable", file: "a { user: u }\nauthorization: $a", want: Options{AuthorizationBlock: true, Username: "u"}},
		{name: "an unknown key in a block that is a variable", file: "authorization { u: x, user: $u }", want: Options{AuthorizationBlock: true, Username: "x"}},
		{name: "JSON", file: `{"port": 5000, "authorization": {"token": "t"}}`, want: Options{Port: 5000, AuthorizationBlock: true, Token: "t"}},
		{name: "an empty authorization block", file: "Authorization {}", want: Options{AuthorizationBlock: true}},
		{name: "authorization by a variable", environ: []string{"MOONWIRE_AUTHORIZATION_TIMEOUT=3s"}, want: Options{AuthorizationBlock: true, AuthTimeout: 3 * time.Second}},
		{name: "authorization of WebSocket alone", file: "websocket { authorization { timeout: 3 } }", want: Options{WebSocket: WebSocket{AuthTimeout: 3 * time.Second}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := tt.args
			if tt.file != "" {
				tt.want.ConfigFile = writeFile(t, "a.conf", tt.file)
				args = append([]string{"-c", tt.want.ConfigFile}, args...)
			}
			cmd, err := Parse(args, tt.environ)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want.WithDefaults(), cmd.Options); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
			if len(cmd.Warnings) > 0 {
				t.Errorf("warnings: %q", cmd.Warnings)
			}
		})
	}
}

func TestVariableFromEnvironment(t *testing.T) {
	t.Setenv("CONFIG_TEST_PORT", "5000")
	t.Setenv("CONFIG_TEST_AUTH", "{ user: u, pass: p }")
	file := writeFile(t, "a.conf", "port: $CONFIG_TEST_PORT\nauthorization: $CONFIG_TEST_AUTH\n")
	got, _, err := LoadFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Options{Port: 5000, AuthorizationBlock: true, Username: "u", Password: "p", ConfigFile: file}.WithDefaults()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func TestConfigFileFromEnvironment(t *testing.T) {
	t.Parallel()
	a := writeFile(t, "a.conf", "port: 1")
	b := writeFile(t, "b.conf", "port: 2")
	environ := []string{"MOONWIRE_CONFIG=" + a}
	for _, tt := range []struct {
		name string
		args []string
		port int
		file string
	}{
		{"variable", nil, 1, a},
		{"flag wins", []string{"--config", b}, 2, b},
		{"empty flag", []string{"-c="}, 4222, ""},
	} {
		cmd, err := Parse(tt.args, environ)
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if cmd.Options.Port != tt.port || cmd.Options.ConfigFile != tt.file {
			t.Errorf("%s: got port %d of %q", tt.name, cmd.Options.Port, cmd.Options.ConfigFile)
		}
	}
}

func TestInclude(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	files := map[string]string{
		"main.conf":     "port: 5000\ninclude 'sub/auth.conf'\ninclude \"log.conf\"\n# include main.conf\n",
		"sub/auth.conf": "authorization {\n  include user.conf\n  timeout: 3\n}\n",
		"sub/user.conf": "name: bob\nuser: $name\npassword: \"x include main.conf \"\n",
		"log.conf":      "debug: yes\nlog_file: include\n",
	}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "main.conf")
	got, warnings, err := LoadFile(file, nil)
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	want := Options{
		Port: 5000, AuthorizationBlock: true, Username: "bob", Password: "x include main.conf ", AuthTimeout: 3 * time.Second,
		Debug: true, LogFile: "include", ConfigFile: file,
	}.WithDefaults()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

// TestYAMLOfIdentity: the short forms are the same in YAML.
func TestYAMLOfIdentity(t *testing.T) {
	t.Parallel()
	const doc = `
authorization:
  users:
    - {user: a, password: a, permissions: {publish: a.>, subscribe: [b, c q]}, clients: standard}
    - user: b
      permissions: {allow_responses: true, publish: {deny: x}}
accounts:
  A:
    exports: [{stream: s.>}, {service: q, latency: {sampling: 50%, subject: l}}]
    mappings: {old: new, some: [{dest: other, weight: 30}]}
  B:
    imports:
      - stream: {account: A, subject: s.x}
        prefix: p
tls: {cert_file: c, key_file: k, handshake_first: auto, timeout: 1.5}
websocket: {listen: 8080, no_tls: true, headers: {X-A: b}, tls: {cert_file: c, key_file: k, handshake_first: yes}}
resolver: URL(http://a/b)
jetstream: {store_dir: x}
`
	file := writeFile(t, "a.yaml", doc)
	got, warnings, err := LoadFile(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Options{
		ConfigFile: file, AuthorizationBlock: true,
		Users: []User{
			{
				Username: "a", Password: "a", ConnectionTypes: []string{"STANDARD"},
				Permissions: &Permissions{Publish: Rules{Allow: []string{"a.>"}}, Subscribe: Rules{Allow: []string{"b", "c q"}}},
			},
			{Username: "b", Permissions: &Permissions{Publish: Rules{Deny: []string{">"}}, Responses: &Responses{}}},
		},
		Accounts: []Account{
			{
				Name: "A",
				Exports: []Export{
					{Subject: "s.>"},
					{Service: true, Subject: "q", Latency: &Latency{50, "l"}},
				},
				Mappings: []Mapping{
					{"old", []Destination{{"new", 100, ""}}},
					{"some", []Destination{{"other", 30, ""}}},
				},
			},
			{Name: "B", Imports: []Import{{Account: "A", Subject: "s.x", Prefix: "p"}}},
		},
		TLS: &TLS{
			CertFile: "c", KeyFile: "k", Timeout: 1500 * time.Millisecond,
			HandshakeFirst: true, HandshakeFallback: 50 * time.Millisecond,
		},
		WebSocket: WebSocket{
			Port: 8080, NoTLS: true, Headers: map[string]string{"X-A": "b"},
			TLS: &TLS{CertFile: "c", KeyFile: "k", HandshakeFirst: true},
		},
		Resolver: Resolver{Type: "url", URL: "http://a/b"},
	}.WithDefaults()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
	wantWarnings := []string{
		file + `:9:43: "accounts.exports.latency": ` + lacksLatency,
		file + `:18:1: "jetstream": not supported yet, ignored: JetStream`,
	}
	if !slices.Equal(warnings, wantWarnings) {
		t.Errorf("warnings: got %q, want %q", warnings, wantWarnings)
	}
}

func TestYAML(t *testing.T) {
	t.Parallel()
	const doc = `
listen: 127.0.0.1:5000
Server_Name: &name 12ab
max_payload: 2MB
max_pending: 8388608
ping_interval: 3m
write_deadline: "5s"
debug: yes
trace: true
client_advertise: *name
authorization:
  user: yes   # text is wanted, so it is text
  password: $2a$11$PWIFAL8RsWyGI3jVZtO9Nu8
  timeout: 1.5
log_format: json
`
	for _, ext := range []string{".yaml", ".yml", ".YAML"} {
		file := writeFile(t, "a"+ext, doc)
		got, warnings, err := LoadFile(file, nil)
		if err != nil || len(warnings) > 0 {
			t.Fatal(err, warnings)
		}
		want := Options{
			Host: "127.0.0.1", Port: 5000, ServerName: "12ab", MaxPayload: 2 << 20, MaxPending: 8 << 20,
			PingInterval: 3 * time.Minute, WriteDeadline: 5 * time.Second, Debug: true, Trace: true,
			ClientAdvertise: "12ab", LogFormat: "json", ConfigFile: file,
			AuthorizationBlock: true, Username: "yes", Password: "$2a$11$PWIFAL8RsWyGI3jVZtO9Nu8", AuthTimeout: 1500 * time.Millisecond,
		}.WithDefaults()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: options (-want +got):\n%s", ext, diff)
		}
	}
}
