//go:build unix

// Package examples_test runs the examples: their own tests, and what their READMEs
// say that one sees.
package examples_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"moonwire/server/servertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for a program, on a machine with other tests to
// run.
const patience = time.Minute

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
			e := newExample(t, bin, name)
			e.transcripts(e.start())
		})
	}
	t.Run("api-keys, changed", func(t *testing.T) {
		t.Parallel()
		changeKeys(t, newExample(t, bin, "api-keys"))
	})
}

// changeKeys changes the file of keys while the server runs: first so that it is
// wrong, and then so that a key is gone.
func changeKeys(t *testing.T, e *example) {
	b := e.start()
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

// build builds commands and returns the folder that they are in.
func build(t *testing.T, packages ...string) string {
	t.Helper()
	bin := t.TempDir()
	c := exec.Command("go", append([]string{"build", "-pgo=off", "-o", bin + "/"}, packages...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", c.Args, err, out)
	}
	return bin
}

// example is a copy of all examples, of which one is to run.
type example struct {
	t    *testing.T
	bin  string
	dir  string // of the one
	name string
}

func newExample(t *testing.T, bin, name string) *example {
	t.Helper()
	all := t.TempDir()
	if err := os.CopyFS(all, os.DirFS("lua")); err != nil {
		t.Fatal(err)
	}
	return &example{t, bin, filepath.Join(all, name), name}
}

func (e *example) read(name string) string {
	e.t.Helper()
	text, err := os.ReadFile(filepath.Join(e.dir, name))
	if err != nil {
		e.t.Fatal(err)
	}
	return string(text)
}

// write puts a whole file in the place of another, so that nobody sees half of it.
func (e *example) write(name, text string) {
	e.t.Helper()
	path := filepath.Join(e.dir, name)
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		e.t.Fatal(err)
	}
}

// start starts the server, and what it needs, on free ports.
func (e *example) start() *program {
	e.t.Helper()
	if e.name == "http-auth" {
		service := run(e.t, filepath.Join(e.bin, "service"), "-addr", "127.0.0.1:0")
		url := service.await(`http://\S+`)[0]
		e.write("server.conf", strings.Replace(e.read("server.conf"), "http://127.0.0.1:9090/auth", url, 1))
	}
	b := run(e.t, filepath.Join(e.bin, "moonwire"), "-c", filepath.Join(e.dir, "server.conf"), "-a", "127.0.0.1", "-p", "-1")
	b.addr = b.await(`Listening for client connections on (\S+)`)[1]
	b.await("Server is ready")
	return b
}

// link finds what a document links to.
var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

// TestLuaLinks finds the files that the READMEs link to, and each example in the
// list of them all.
func TestLuaLinks(t *testing.T) {
	t.Parallel()
	documents, err := filepath.Glob("lua/*/README.md")
	if err != nil || len(documents) == 0 {
		t.Fatalf("there are %d READMEs, %v", len(documents), err)
	}
	linked := make(map[string]bool)
	for _, path := range append(documents, "lua/README.md") {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			to := filepath.Join(filepath.Dir(path), m[1])
			if _, err := os.Stat(to); err != nil {
				t.Errorf("%s: link to %s: %v", path, m[1], err)
			}
			linked[to] = linked[to] || path == "lua/README.md"
		}
	}
	for _, path := range documents {
		if !linked[path] {
			t.Errorf("lua/README.md does not link to %s", path)
		}
	}
}

// file is what stands in a README for the content of a file.
var file = regexp.MustCompile(`<(testdata/[\w.]+)>`)

// transcripts plays the transcripts of the README, and looks for the lines of the
// log.
func (e *example) transcripts(b *program) {
	e.t.Helper()
	blocks := fenced(e.read("README.md"))
	text := strings.Join(blocks["text"], "\n")
	if !strings.Contains(text, "< ") {
		e.t.Fatal("the README has no transcript")
	}
	e.play(b, file.ReplaceAllStringFunc(text, func(s string) string {
		return strings.TrimSpace(e.read(strings.Trim(s, "<>")))
	}))
	for _, block := range blocks["log"] {
		for line := range strings.Lines(block) {
			b.await(strings.ReplaceAll(regexp.QuoteMeta(strings.TrimSpace(line)), "…", ".*"))
		}
	}
}

// play plays a transcript against a server.
func (e *example) play(b *program, transcript string) {
	e.t.Helper()
	path := filepath.Join(e.t.TempDir(), "README.md")
	if err := os.WriteFile(path, []byte(transcript), 0o600); err != nil {
		e.t.Fatal(err)
	}
	servertest.RunTranscript(e.t, path, servertest.Moonwire, func(testing.TB, string) servertest.Instance { return b })
}

// fenced returns the fenced blocks of a document, by what stands behind the fence.
func fenced(document string) map[string][]string {
	blocks := make(map[string][]string)
	for i, part := range strings.Split("\n"+document, "\n```") {
		if i%2 == 1 {
			lang, text, _ := strings.Cut(part, "\n")
			blocks[lang] = append(blocks[lang], text+"\n")
		}
	}
	return blocks
}

// program runs beside the test, until that ends.
type program struct {
	t    *testing.T
	cmd  *exec.Cmd
	addr string // for clients, if it is a server
	done chan struct{}

	mu      sync.Mutex
	printed string        // so far; guarded by mu
	more    chan struct{} // closed when there is more; guarded by mu
}

func run(t *testing.T, path string, args ...string) *program {
	t.Helper()
	p := &program{t: t, cmd: exec.Command(path, args...), done: make(chan struct{}), more: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		t.Fatal(err)
	}
	go p.follow(r)
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended already
		<-p.done
		_ = p.cmd.Wait() // killed
	})
	return p
}

// follow reads what the program prints, until it ends.
func (p *program) follow(r *os.File) {
	defer close(p.done)
	defer r.Close()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		p.mu.Lock()
		p.printed += lines.Text() + "\n"
		close(p.more)
		p.more = make(chan struct{})
		p.mu.Unlock()
	}
}

// await waits until what was printed has a match, and returns its groups.
func (p *program) await(expr string) []string {
	p.t.Helper()
	re, late := regexp.MustCompile(expr), time.After(patience)
	for ended := false; ; {
		p.mu.Lock()
		printed, more := p.printed, p.more
		p.mu.Unlock()
		if m := re.FindStringSubmatch(printed); m != nil {
			return m
		}
		if ended {
			p.t.Fatalf("%q ended, and did not print %s, but:\n%s", p.cmd.Args, expr, printed)
		}
		select {
		case <-more:
		case <-p.done:
			ended = true
		case <-late:
			p.t.Fatalf("%q did not print %s within %v, but:\n%s", p.cmd.Args, expr, patience, printed)
		}
	}
}

// Addr implements servertest.Instance.
func (p *program) Addr() string { return p.addr }

// LameDuck implements servertest.Instance.
func (p *program) LameDuck() { p.signal(syscall.SIGUSR2) }

// Shutdown implements servertest.Instance.
func (p *program) Shutdown() { p.signal(syscall.SIGTERM) }

func (p *program) signal(s syscall.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Error(fmt.Errorf("signalling %q: %w", p.cmd.Args, err))
	}
}
