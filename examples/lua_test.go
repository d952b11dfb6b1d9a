//go:build unix

package examples_test

import (
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLua runs the tests of the scripts, and then each example as its README says:
// the server is started with the example's configuration; clients say and get what
// stands in the transcripts, which are fenced blocks of text; and the log has the
// lines of the blocks of log, in which "…" is any text.
func TestLua(t *testing.T) {
	t.Parallel()
	bin := build(t, "moonwire/cmd/moonwire", "moonwire/examples/lua/http-auth/service")
	t.Run("tests", func(t *testing.T) {
		t.Parallel()
		out, err := exec.Command(filepath.Join(bin, "moonwire"), "hook", "test", "lua").CombinedOutput()
		if err != nil {
			t.Errorf("moonwire hook test: %v\n%s", err, out)
		}
	})
	confs, err := filepath.Glob("lua/*/server.conf")
	if err != nil || len(confs) == 0 {
		t.Fatalf("there are %d examples, %v", len(confs), err)
	}
	for _, conf := range confs {
		name := filepath.Base(filepath.Dir(conf))
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newExample(t, bin, "lua", name)
			e.transcripts(e.startLua())
		})
	}
	t.Run("api-keys, changed", func(t *testing.T) {
		t.Parallel()
		changeKeys(t, newExample(t, bin, "lua", "api-keys"))
	})
}

// changeKeys changes the file of keys while the server runs: first so that it is
// wrong, and then so that a key is gone.
func changeKeys(t *testing.T, e *example) {
	b := e.startLua()
	const (
		come    = "C> CONNECT {\"auth_token\":\"sensor-1.H4nYc8JdT6sQ5gFe\",\"verbose\":false}\nC> PING\n"
		in, out = come + "C< PONG\n", come + "C< -ERR 'Authorization Violation'\nC! closed\n"
	)
	e.play(b, in)
	keys := e.read("keys.json")

	e.write("keys.json", strings.Replace(keys, `"user": "sensor-1"`, `"user": 1`, 1))
	b.await(`keys\.sensor-1: user is missing`)
	e.play(b, in) // what ran before runs on

	e.write("keys.json", strings.Replace(keys, `"sensor-1": {`, `"sensor-2": {`, 1))
	b.await(`(?s)(Loaded hook "api-keys".*){2}`)
	e.play(b, out)
}

// startLua starts the server, and what it needs, on free ports.
func (e *example) startLua() *program {
	e.t.Helper()
	if e.name == "http-auth" {
		service := run(e.t, filepath.Join(e.bin, "service"), "-addr", "127.0.0.1:0")
		url := service.await(`http://\S+`)[0]
		e.write("server.conf", strings.Replace(e.read("server.conf"), "http://127.0.0.1:9090/auth", url, 1))
	}
	return e.broker()
}

// TestLuaLinks finds the files that the READMEs link to, and each example in the
// list of them all.
func TestLuaLinks(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("lua/*/README.md")
	if err != nil || len(documents) == 0 {
		t.Fatalf("there are %d READMEs, %v", len(documents), err)
	}
	for _, path := range documents {
		links(t, path)
	}
	listed := links(t, "lua/README.md")
	for _, path := range documents {
		if !slices.Contains(listed, path) {
			t.Errorf("lua/README.md does not link to %s", path)
		}
	}
}
