package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// loadIn writes files into a folder, loads the first one and returns errors and
// warnings line by line, with the folder taken out.
func loadIn(t *testing.T, environ []string, nameAndContent ...string) (problems, warnings []string) {
	t.Helper()
	dir := t.TempDir()
	for i := 0; i < len(nameAndContent); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, nameAndContent[i]), []byte(nameAndContent[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, warnings, err := LoadFile(filepath.Join(dir, nameAndContent[0]), environ)
	clean := func(s string) string { return strings.ReplaceAll(s, dir+string(filepath.Separator), "") }
	if err != nil {
		problems = strings.Split(clean(err.Error()), "\n")
	}
	for i, w := range warnings {
		warnings[i] = clean(w)
	}
	return problems, warnings
}

func TestProblems(t *testing.T) {
	t.Parallel()
	const wantText = `must be text (put quotes around what looks like a number, a boolean or a date)`
	tests := []struct {
		name    string
		files   []string
		environ []string
		want    []string
	}{
		{
			name:  "unknown key",
			files: []string{"a.conf", "max_pay_load: 5"},
			want:  []string{`a.conf:1:1: unknown key "max_pay_load"; did you mean "max_payload"?`},
		},
		{
			name:  "unknown key like no other",
			files: []string{"a.conf", "  frobnicate: 5"},
			want:  []string{`a.conf:1:3: unknown key "frobnicate"`},
		},
		{
			name:  "unknown key in a block",
			files: []string{"a.conf", "authorization {\n\tusre: bob\n}"},
			want:  []string{`a.conf:2:2: unknown key "authorization.usre"; did you mean "authorization.user"?`},
		},
		{
			name:  "all at once, in the order of the file",
			files: []string{"a.conf", "# first\nport: abc\n\n  debug: 5; trace: no\nmax_payload: \"1MB\"\nfrob: 1\nping_max: -1\n"},
			want: []string{
				`a.conf:2:1: "port": got "abc"; must be a whole number from -1 to 65535`,
				`a.conf:4:3: "debug": got 5; must be true or false`,
				`a.conf:5:1: "max_payload": got "1MB"; must be a size from 1 to 2147483647, in bytes or with a suffix such as KB or MB, without quotes`,
				`a.conf:6:1: unknown key "frob"`,
				`a.conf:7:1: "ping_max": got -1; must be a whole number from 1 to 2147483647`,
			},
		},
		{
			name: "in an included file",
			files: []string{
				"a.conf", "port: 70000\ninclude b.conf", "b.conf", "\n  port_: 1\n  host: 5\n",
			},
			want: []string{
				`a.conf:1:1: "port": got 70000; must be a whole number from -1 to 65535`,
				`b.conf:2:3: unknown key "port_"; did you mean "port"?`,
				`b.conf:3:3: "host": got 5; ` + wantText,
			},
		},
		{
			name:  "ranges",
			files: []string{"a.conf", "port: -2\nmax_sub_tokens: 256\nmax_pending: -1\nlame_duck_duration: \"29s\"\nping_interval: \"-1s\"\nlog_format: JSON\nserver_name: \"a b\"\nclient_advertise: \"a:b\"\nwrite_deadline: 1e\nauthorization { timeout: 0.0000000001 }\n"},
			want: []string{
				`a.conf:1:1: "port": got -2; must be a whole number from -1 to 65535`,
				`a.conf:2:1: "max_sub_tokens": got 256; must be a whole number from 0 to 255`,
				`a.conf:3:1: "max_pending": got -1; must be a size of at least 1, in bytes or with a suffix such as KB or MB, without quotes`,
				`a.conf:4:1: "lame_duck_duration": got "29s"; must be a duration such as "2m", at least 30s`,
				`a.conf:5:1: "ping_interval": got "-1s"; must be a duration such as "2m", above 0`,
				`a.conf:6:1: "log_format": got "JSON"; must be "text" or "json"`,
				`a.conf:7:1: "server_name": got "a b"; must be a name without blanks`,
				`a.conf:8:1: "client_advertise": got "a:b"; must be "host" or "host:port"`,
				`a.conf:9:1: "write_deadline": got 1000000000000000000; must be a duration such as "2m", above 0`,
				`a.conf:10:17: "authorization.timeout": got 1e-10; must be a duration such as "2m", above 0`,
			},
		},
		{
			name:  "addresses",
			files: []string{"a.conf", "listen: \"h:99999\"\nhttp: { a: 1 }"},
			want: []string{
				`a.conf:1:1: "listen": got "h:99999"; must be "host:port" or a port, the port from -1 to 65535`,
				`a.conf:2:1: "http": got a block; must be "host:port" or a port, the port from -1 to 65535`,
			},
		},
		{
			name:  "a value that is no block, a block that is no value",
			files: []string{"a.conf", "authorization: yes\nport { a: 1 }\nhost: [ a, b ]"},
			want: []string{
				`a.conf:1:1: "authorization": got true; must be a block { … }`,
				`a.conf:2:1: "port": got a block; must be a whole number from -1 to 65535`,
				`a.conf:3:1: "host": got a list; ` + wantText,
			},
		},
		{
			name:  "no URL with a password",
			files: []string{"a.conf", `listen: "nats://u:p@h"`},
			want:  []string{`a.conf:1:1: "listen": got a text; must be "host:port" or a port, the port from -1 to 65535`},
		},
		{
			name:  "contradiction",
			files: []string{"a.conf", "listen: \"h:1\"\nport: 2\nauthorization { pass: a, password: b, user: c }"},
			want: []string{
				`a.conf:2:1: "port" contradicts "listen" at a.conf:1:1; must be given once`,
				`a.conf:3:26: "authorization.password" contradicts "authorization.password" at a.conf:3:17; must be given once`,
			},
		},
		{
			name:  "between settings",
			files: []string{"a.conf", "max_payload: 2MB\nmax_pending: 1MB\nlame_duck_grace_period: \"2m\"\nauthorization { user: u, token: t }"},
			want: []string{
				`a.conf:1:1: "max_payload": 2097152 is above "max_pending" (1048576); must be at most that`,
				`a.conf:3:1: "lame_duck_grace_period": 2m is not below "lame_duck_duration" (2m); must be less than that`,
				`a.conf:4:26: "authorization.token": is set together with a user or password; must be either a token or a user with a password`,
			},
		},
		{
			name:  "between a setting and a default",
			files: []string{"a.conf", "max_pending: 1000"},
			want:  []string{`a.conf:1:1: "max_payload": 1048576 is above "max_pending" (1000); must be at most that`},
		},
		{
			name:  "password without a user",
			files: []string{"a.conf", "authorization { password: p }"},
			want:  []string{`a.conf:1:17: "authorization.password": is set without a user; must come with "authorization.user"`},
		},
		{
			name:  "no second complaint about a refused value",
			files: []string{"a.conf", "max_payload: 4GB\nmax_pending: 1000"},
			want: []string{
				`a.conf:1:1: "max_payload": got 4294967296; must be a size from 1 to 2147483647, in bytes or with a suffix such as KB or MB, without quotes`,
			},
		},
		{
			name:    "environment",
			files:   []string{"a.conf", "prot: 1"},
			environ: []string{"MOONWIRE_DEBUG=maybe", "MOONWIRE_MAX_PAYLOAD=1XB"},
			want: []string{
				`a.conf:1:1: unknown key "prot"; did you mean "port"?`,
				`environment variable MOONWIRE_DEBUG: "debug": got "maybe"; must be true or false`,
				`environment variable MOONWIRE_MAX_PAYLOAD: "max_payload": got "1XB"; must be a size from 1 to 2147483647, in bytes or with a suffix such as KB or MB, without quotes`,
			},
		},
		{
			name:  "config is no key of a file",
			files: []string{"a.conf", "config: b.conf"},
			want:  []string{`a.conf:1:1: "config" is not allowed in a file; use a flag or MOONWIRE_CONFIG`},
		},
		{
			name:  "syntax",
			files: []string{"a.conf", "port: 1\nauthorization {\n  user: a b\n}\n"},
			want:  []string{`a.conf:3:11: syntax error: a "," or a new line is missing before "b"; text with blanks or brackets needs quotes`},
		},
		{
			name:  "syntax: no value",
			files: []string{"a.conf", "debug: true\nport:\n"},
			want:  []string{`a.conf:2:6: syntax error: a key has no value on its line`},
		},
		{
			name:  "syntax: key at the end",
			files: []string{"a.conf", "debug: true\nport"},
			want:  []string{`a.conf:2: syntax error: a key without a value at the end; numbers have no commas in them`},
		},
		{
			name:  "syntax in an included file",
			files: []string{"a.conf", "include b.conf", "b.conf", "include c.conf", "c.conf", "\n\na: \"b"},
			want:  []string{`c.conf:3:6: syntax error: the text in quotes that begins at line 3 does not end`},
		},
		{
			name:  "unknown variable",
			files: []string{"a.conf", "\nport: $NO_SUCH_VARIABLE"},
			want: []string{`a.conf:2: variable not found: neither defined above in this file nor usable from the environment; ` +
				`text that begins with "$" needs quotes`},
		},
		{
			name:  "numbers that the parser drops",
			files: []string{"a.conf", "max_payload: 1kbb\nauthorization {\n  timeout: 10eb, x: [ 1, 99999999999999999999 ]\n}"},
			want: []string{
				`a.conf:1:1: "max_payload": not a number that fits: the suffixes are k, m, g, t, p, e, kb, ki, kib and so on; text needs quotes`,
				`a.conf:3:3: "timeout": not a number that fits: the suffixes are k, m, g, t, p, e, kb, ki, kib and so on; text needs quotes`,
				`a.conf:3:26: "": not a number that fits: the suffixes are k, m, g, t, p, e, kb, ki, kib and so on; text needs quotes`,
			},
		},
		{
			name:  "missing includes",
			files: []string{"a.conf", "port: 1\n  include b.conf\ninclude 'c.conf'", "c.conf", "include \"d.conf\""},
			want: []string{
				`a.conf:2:3: include "b.conf": cannot read b.conf: no such file or directory`,
				`c.conf:1:1: include "d.conf": cannot read d.conf: no such file or directory`,
			},
		},
		{
			name:  "a file that includes itself",
			files: []string{"a.conf", "port: 1\ninclude a.conf"},
			want:  []string{`a.conf:2:1: include "a.conf": includes itself or is nested deeper than 16 files`},
		},
		{
			name:  "files that include each other",
			files: []string{"a.conf", "include b.conf", "b.conf", "x { include ./a.conf }"},
			want:  []string{`b.conf:1:5: include "./a.conf": includes itself or is nested deeper than 16 files`},
		},
		{
			name:  "YAML",
			files: []string{"a.yaml", "port: abc\nauthorization:\n  usr: bob\ndebug:\nmax_pending: [1]\n"},
			want: []string{
				`a.yaml:1:1: "port": got "abc"; must be a whole number from -1 to 65535`,
				`a.yaml:3:3: unknown key "authorization.usr"; did you mean "authorization.user"?`,
				`a.yaml:4:1: "debug": got no value; must be true or false`,
				`a.yaml:5:1: "max_pending": got a list; must be a size of at least 1, in bytes or with a suffix such as KB or MB, without quotes`,
			},
		},
		{
			name:  "YAML: a number is no text",
			files: []string{"a.yml", "server_name: 12"},
			want:  []string{`a.yml:1:1: "server_name": got 12; ` + wantText},
		},
		{
			name:  "YAML syntax",
			files: []string{"a.yaml", "port: 1\nhost: a: b\n"},
			want:  []string{`a.yaml:2: syntax error: mapping values are not allowed in this context`},
		},
		{
			name:  "YAML: a key twice",
			files: []string{"a.yaml", "port: 1\nport: 2\n"},
			want:  []string{`a.yaml:2:1: "port" stands in line 1 already`},
		},
		{
			name:  "YAML: keys that are none",
			files: []string{"a.yaml", "? [a]\n: 1\n<<: {port: 1}\n"},
			want:  []string{`a.yaml:1:3: not a key: must be a name`, `a.yaml:3:1: not a key: must be a name`},
		},
		{
			name:  "YAML: two documents",
			files: []string{"a.yaml", "port: 1\n---\nport: 2\n"},
			want:  []string{`a.yaml:2:1: a second document; must be one`},
		},
		{
			name:  "YAML: a second document that is broken",
			files: []string{"a.yaml", "port: 1\n---\nport: [\n"},
			want:  []string{`a.yaml:3: syntax error: did not find expected node content`},
		},
		{
			name:  "YAML: no keys",
			files: []string{"a.yaml", "- a\n"},
			want:  []string{`a.yaml:1:1: not a configuration: must be keys with values`},
		},
		{
			name:  "YAML: an alias of itself",
			files: []string{"a.yaml", "host: &a [*a]\n"},
			want:  []string{`a.yaml:1:11: an alias that contains itself`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, _ := loadIn(t, tt.environ, tt.files...)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestYAMLBomb(t *testing.T) {
	t.Parallel()
	doc := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for _, c := range "12345678" {
		prev := string(c - 1)
		doc += "a" + string(c) + ": &a" + string(c) + " [" + strings.Repeat("*a"+prev+",", 9) + "*a" + prev + "]\n"
	}
	got, _ := loadIn(t, nil, "a.yaml", doc)
	if len(got) != 1 || !strings.Contains(got[0], "too large: more than 100000 values") {
		t.Errorf("got %q", got)
	}
}

func TestMissingFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "no.conf")
	_, _, err := LoadFile(path, nil)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want fs.ErrNotExist", err)
	}
	if want := path + ": cannot read the configuration file: no such file or directory"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	// The other sources are checked all the same.
	_, err = Parse([]string{"-c", path, "-p", "x"}, []string{"MOONWIRE_TRACE=x"})
	want := path + `: cannot read the configuration file: no such file or directory
environment variable MOONWIRE_TRACE: "trace": got "x"; must be true or false
flag -p: "port": got "x"; must be a whole number from -1 to 65535`
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestWarnings(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		files   []string
		environ []string
		want    []string
	}{
		{
			name:  "bare seconds",
			files: []string{"a.conf", "\nping_interval: 30\nwrite_deadline: 2m\nlame_duck_duration: 90"},
			want: []string{
				`a.conf:2:1: "ping_interval": a bare number is taken as seconds (30s); better write a duration such as "2m", with the quotes`,
				`a.conf:3:1: "write_deadline": a bare number is taken as seconds (555h33m20s); better write a duration such as "2m", with the quotes`,
				`a.conf:4:1: "lame_duck_duration": a bare number is taken as seconds (1m30s); better write a duration such as "2m", with the quotes`,
			},
		},
		{
			name:  "auth timeout",
			files: []string{"a.conf", "authorization { timeout: 2m }"},
			want: []string{
				`a.conf:1:17: "authorization.timeout": 555h33m20s is long; if that is not meant, mind that in NATS syntax a duration needs quotes: 1m is the number 1000000`,
			},
		},
		{
			name:  "max_payload",
			files: []string{"a.conf", "max_payload: 9MB"},
			want: []string{
				`a.conf:1:1: "max_payload": 9437184 is above 8388608 (8 MiB); large messages cost memory in every queue they wait in`,
			},
		},
		{
			name:  "nobody may connect",
			files: []string{"a.conf", "max_connections: 0"},
			want:  []string{`a.conf:1:1: "max_connections": lets no client connect; leave the key out for the default`},
		},
		{name: "max_payload at the limit", files: []string{"a.conf", "max_payload: 8MB"}},
		{name: "empty file", files: []string{"a.conf", "# nothing"}, want: []string{`a.conf: sets nothing`}},
		{name: "empty YAML", files: []string{"a.yaml", ""}, want: []string{`a.yaml: sets nothing`}},
		{
			name:    "unknown variable",
			files:   []string{"a.conf", "port: 1"},
			environ: []string{"MOONWIRE_MAX_PAYLOD=1"},
			want:    []string{`environment variable MOONWIRE_MAX_PAYLOD: unknown, ignored; did you mean "MOONWIRE_MAX_PAYLOAD"?`},
		},
		{
			name:    "unknown variable like no other",
			files:   []string{"a.conf", "port: 1"},
			environ: []string{"MOONWIRE_JETSTREAM=1"},
			want:    []string{`environment variable MOONWIRE_JETSTREAM: unknown, ignored`},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			problems, got := loadIn(t, tt.environ, tt.files...)
			if problems != nil {
				t.Fatal(problems)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}
