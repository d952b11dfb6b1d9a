package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad feeds bytes as a file in NATS syntax. Whatever they are, loading
// ends, does not panic, and returns valid options or errors that name the file.
func FuzzLoad(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "nats", "*.conf"))
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(files, corpus(f)...) {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	for _, seed := range []string{
		"", "}", "{", "]", "[", "a", "a:", ":", "a: [", "a: {", "a: }", "a: (", "'", "\"", "a: \"\\x", "a: \"\\xz", "\x00",
		"a: $a", "a: $b", "port: $port", "include fuzz.conf", "x { include fuzz.conf }", "a: 1kbb", "a: 99999999999999999999eb",
		"port: 1, port: 2", "listen: 1, port: 2", "authorization { authorization { user: a } }", "a: -", "a: 1.", "a: 2024-01-01T",
		"users: [ { user: a }, [ b ], c ]", "log_format: \xff\xfe", "a: '\n\n'\nport: x", "max_payload: 3GB\nmax_pending: 1",
		"authorization { user: u, password: p, token: t }", "ping_interval: 1e999", "a = b; c d, e: f # g", "{ \"port\": 1 }",
		"accounts { A { users: [ { nkey: x } ] }, $G: 1, B { imports: [ { stream { account: A, subject: \">\" }, service: 1 } ] } }",
		"accounts: [ A, { name: A }, [ ] ]", "accounts { A { exports: [ { service: a, latency: { sampling: \"x%\" } }, [ ] ] } }",
		"mappings { a: [ [ ], { dest: b, weight: \"-5%\" } ], \"\": { }, b: 1 }", "tls { certs: [ [ ] ], handshake_first: \"-1s\" }, https: 1",
		"authorization { permissions { publish { allow: [ [ a ] ] }, allow_responses: 1e9 }, users: { a: b } }", "resolver: \"URL(\", resolver_tls {}",
		"websocket { headers { a { b: c } }, port: 1, listen: 2 }", "operator: [ [ ], { } ], resolver_preload { a: b, a: c }", "jetstream { { } }",
		"authorization: [ { user: a } ]", "debug: on, trace off; logtime = no", "a: 1k\r\nport: 5\r\n",
		hooksNATS, "hooks { load: [ { config { a: $a, a: [ { } ] }, name: x, lua: 1 }, [ ] ], breaker { threshold: 1e999 } }",
	} {
		f.Add([]byte(seed))
	}
	fuzzLoad(f, "fuzz.conf")
}

// FuzzLoadYAML is FuzzLoad for files in YAML.
func FuzzLoadYAML(f *testing.F) {
	for _, seed := range []string{
		"", "port: 1", "a", "- a", "a: &a [*a]", "a: *b", "? [a]\n: b", "<<: {port: 1}", "a: !!int x", "a: !b c", "port: 1\nport: 2",
		"a: |\n  b", "--- a\n--- b", "a: 'b", "a: [", "port: 0x10", "max_payload: 2MB", "ping_interval: 2m", "authorization: {user: 1}",
		"accounts:\n  A: {users: [{user: a, permissions: {publish: a}}]}\n  B: *x", "mappings: {a: b, c: [{dest: d, weight: 50%}]}", "accounts: {A: null}",
		"%YAML 1.1\n---\na: yes", "\t", "a: 1e999", "port: 99999999999999999999", "{port: 1, authorization: {token: t}}", "\xff\xfe",
		hooksYAML, "hooks: {load: [{name: a, lua: b, config: {? : &x [*x], .inf: 99999999999999999999}}, ~], decision_log: {sample: .nan}}",
	} {
		f.Add([]byte(seed))
	}
	fuzzLoad(f, "fuzz.yaml")
}

// fuzzLoad runs a fuzz target over files of that name.
func fuzzLoad(f *testing.F, name string) {
	path := filepath.Join(f.TempDir(), name)
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		opts, warnings, err := LoadFile(path, nil)
		if err == nil {
			if err := opts.Validate(); err != nil {
				t.Errorf("loaded options that are not valid: %v", err)
			}
			for _, w := range warnings {
				if !strings.HasPrefix(w, path+":") {
					t.Errorf("warning without the file: %q", w)
				}
			}
			return
		}
		if !strings.HasPrefix(err.Error(), path+":") {
			t.Errorf("error without the file: %q", err)
		}
	})
}
