package servertest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The names by which a transcript tells servers apart: a line that begins with
// one of them and a bar is valid for that server only.
const (
	Moonwire  = "moonwire"
	Reference = "reference"
)

// Instance is a running server under test.
type Instance interface {
	// Addr returns the host:port for plain TCP clients. It is called once, before
	// the transcript begins.
	Addr() string
	// LameDuck begins the lame duck drain, as SIGUSR2 does to the process. It
	// returns at once; the drain ends in the server's own time.
	LameDuck()
	// Shutdown stops the server gracefully and may block until that is done.
	Shutdown()
}

// Starter starts a server from a configuration text in NATS syntax, listening
// on a random loopback port. It registers the stop with t.Cleanup, and fails the
// test when the server does not start.
type Starter func(t testing.TB, config string) Instance

// RunTranscript starts a server with the configuration of the transcript at path
// and plays the transcript against it. The name, [Moonwire] or [Reference], picks
// the lines that are valid for one server only. It fails the test at the first
// line that does not hold, naming file and line, what was expected and what came.
func RunTranscript(t *testing.T, path, name string, start Starter) {
	t.Helper()
	s := load(t, path)
	if err := s.run(name, start(t, s.config)); err != nil {
		t.Fatalf("against %s:\n%v", name, err)
	}
}

// RunAll runs each transcript (*.txt) of the folder dir as a parallel subtest
// with a server of its own. It fails the test when there is none.
func RunAll(t *testing.T, dir, name string, start Starter) {
	t.Helper()
	for _, path := range list(t, dir) {
		t.Run(title(path), func(t *testing.T) {
			t.Parallel()
			RunTranscript(t, path, name, start)
		})
	}
}

// RewriteAll plays each transcript of the folder dir as [RunAll] does against the
// reference, but where a plain expectation does not hold it puts the lines that
// came in its place and writes the file back. A transcript that fails for another
// reason fails the test and stays as it was.
func RewriteAll(t *testing.T, dir string, start Starter) {
	t.Helper()
	for _, path := range list(t, dir) {
		t.Run(title(path), func(t *testing.T) {
			t.Parallel()
			s := load(t, path)
			text, err := s.rewrite(Reference, start(t, s.config))
			if err != nil {
				t.Fatalf("rewriting:\n%v", err)
			}
			if text == s.text() {
				return
			}
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: rewritten", path)
		})
	}
}

// load reads and parses the transcript at path, or fails the test.
func load(t *testing.T, path string) *script {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := parse(filepath.Base(path), string(text))
	if err != nil {
		t.Fatalf("parsing:\n%v", err)
	}
	return s
}

// list returns the paths of the transcripts in dir, in order of name.
func list(t *testing.T, dir string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) == 0 {
		t.Fatalf("no transcript in %s", dir)
	}
	return paths
}

// title is the subtest name of the transcript at path.
func title(path string) string {
	return strings.TrimSuffix(filepath.Base(path), ".txt")
}
