package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
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
	with   string // a line that the block in the file needs
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
	return map[string]sample{
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
	}
}

// spelled writes a setting as a file has it, block and all.
func spelled(path, name, value, with string) string {
	if blockName, _, nested := strings.Cut(path, "."); nested {
		return fmt.Sprintf("%s {\n  %s: %s\n%s}\n", blockName, name, value, with)
	}
	return fmt.Sprintf("%s: %s\n", name, value)
}

// TestEveryKeyInEveryLayer sets each key, in each spelling, by file, variable
// and flag, and checks that the later layer wins.
func TestEveryKeyInEveryLayer(t *testing.T) {
	t.Parallel()
	all := samples()
	for _, it := range newSchema(table()).leaves() {
		if it.flagOnly() || it.kind == address || it.commandOnly {
			continue // have tests of their own
		}
		s, ok := all[it.path]
		if !ok {
			t.Errorf("no sample for %s", it.path)
			continue
		}
		t.Run(it.path, func(t *testing.T) {
			t.Parallel()
			field := it.fields[0]
			check := func(what string, args, environ []string, want any) {
				t.Helper()
				cmd, err := Parse(args, environ)
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				got := reflect.ValueOf(cmd.Options).FieldByName(field).Interface()
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
				if len(cmd.Warnings) > 0 && it.kind != duration {
					t.Errorf("%s: warnings %q", what, cmd.Warnings)
				}
			}
			var file string
			for _, name := range append(it.names(), strings.ToUpper(it.key)) {
				file = writeFile(t, "a.conf", spelled(it.path, name, s.values[0], s.with))
				check("file "+name, []string{"-c", file}, nil, s.want[0])
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
		{name: "case of keys", file: "Authorization { USER: Bob, Pass: Pw }", want: Options{Username: "Bob", Password: "Pw"}},
		{
			name: "the same said twice", file: "port: 5000, listen: \"h:5000\", host: h, net: h",
			want: Options{Host: "h", Port: 5000},
		},
		{
			name: "bcrypt without quotes",
			file: "authorization { user: u, password: $2a$11$PWIFAL8RsWyGI3jVZtO9Nu8.6jOxzxfZo7c/W0eLk017hjgUKWrhy }",
			want: Options{Username: "u", Password: "$2a$11$PWIFAL8RsWyGI3jVZtO9Nu8.6jOxzxfZo7c/W0eLk017hjgUKWrhy"},
		},
		{name: "explicit zeros", file: "max_payload: 0, ping_max: 0, max_subs: 0, http_port: 0, write_deadline: \"0s\""},
		{name: "a variable of the file", file: "p: 5000\nport: $p", want: Options{Port: 5000}},
		{name: "a block as a variable", file: "a { user: u }\nauthorization: $a", want: Options{Username: "u"}},
		{name: "an unknown key in a block that is a variable", file: "authorization { u: x, user: $u }", want: Options{Username: "x"}},
		{name: "JSON", file: `{"port": 5000, "authorization": {"token": "t"}}`, want: Options{Port: 5000, Token: "t"}},
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
	want := Options{Port: 5000, Username: "u", Password: "p", ConfigFile: file}.WithDefaults()
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
		Port: 5000, Username: "bob", Password: "x include main.conf ", AuthTimeout: 3 * time.Second,
		Debug: true, LogFile: "include", ConfigFile: file,
	}.WithDefaults()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
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
			Username: "yes", Password: "$2a$11$PWIFAL8RsWyGI3jVZtO9Nu8", AuthTimeout: 1500 * time.Millisecond,
		}.WithDefaults()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: options (-want +got):\n%s", ext, diff)
		}
	}
}
