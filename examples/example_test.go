//go:build unix

package examples_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"moonwire/server/servertest"
)

// example is a copy of an example, which a test runs as its README says.
type example struct {
	t    *testing.T
	bin  string // the folder of the programs
	dir  string // of the example
	name string
}

// newExample copies a folder, in which the example is, or which it is if within is
// empty.
func newExample(t *testing.T, bin, folder, within string) *example {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	return &example{t, bin, filepath.Join(to, within), filepath.Base(filepath.Join(folder, within))}
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

// edit changes the configuration.
func (e *example) edit(old, with string) {
	e.t.Helper()
	before := e.read("server.conf")
	after := strings.Replace(before, old, with, 1)
	if after == before {
		e.t.Fatalf("server.conf has no %s", old)
	}
	e.write("server.conf", after)
}

// broker starts the broker with the configuration of the example, on a free port.
func (e *example) broker() *program {
	e.t.Helper()
	b := run(e.t, filepath.Join(e.bin, "moonwire"), "-c", filepath.Join(e.dir, "server.conf"), "-a", "127.0.0.1", "-p", "-1")
	b.addr = b.await(`Listening for client connections on (\S+)`)[1]
	b.await("Server is ready")
	return b
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

// link finds what a document links to.
var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

// links returns the files that a document links to, all of which have to be there.
func links(t *testing.T, path string) (list []string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range link.FindAllStringSubmatch(string(text), -1) {
		to := filepath.Join(filepath.Dir(path), m[1])
		if _, err := os.Stat(to); err != nil {
			t.Errorf("%s: link to %s: %v", path, m[1], err)
		}
		list = append(list, to)
	}
	return list
}
