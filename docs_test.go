//go:build unix

package moonwire_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"moonwire/hooks/lua/sandbox"
	"moonwire/server/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// documents returns the paths of all documents.
func documents(t *testing.T) []string {
	t.Helper()
	paths := []string{"README.md"}
	err := filepath.WalkDir("docs", func(path string, _ fs.DirEntry, err error) error {
		if filepath.Ext(path) == ".md" {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// TestDocs does what the documents say. Fenced blocks are one of
//
//	console  commands behind "$ ", and what they print; see type reader
//	conf     a configuration; "# name" in its first line makes it a file that
//	         commands find
//	go       a file that compiles; a program with a comment "// Output:" at its
//	         end runs, and prints that
//	json     JSON
//	lua      a script; "-- name.lua" in its first line makes it a file that
//	         commands find, and has it loaded as a broker would; the tests in a
//	         "-- name_test.lua" run, and pass
//	text     anything; not looked at
//
// and links to files lead somewhere. Blocks with the nats CLI are left to
// TestCLIDocs, and whole documents with npm to TestNodeDocs: without Node there is
// nothing in them that goes.
func TestDocs(t *testing.T) {
	t.Parallel()
	bin := install(t, "./cmd/moonwire")
	for _, path := range documents(t) {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			text, list := readDocument(t, path)
			checkLinks(t, path, text)
			if !uses(list, npm) {
				newReader(t, bin).document(list)
			}
		})
	}
}

// install builds commands and returns the folder they are in.
func install(t *testing.T, args ...string) string {
	t.Helper()
	bin := t.TempDir()
	c := exec.Command("go", append([]string{"build", "-o", bin + "/"}, args...)...)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%q: %v\n%s", c.Args, err, out)
	}
	return bin
}

// readDocument returns the text and the fenced blocks of a document.
func readDocument(t *testing.T, path string) (string, []block) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	list, err := blocks(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return string(text), list
}

// uses reports whether a document has a console block with a command.
func uses(list []block, command *regexp.Regexp) bool {
	return slices.ContainsFunc(list, func(b block) bool { return b.lang == "console" && command.MatchString(b.text()) })
}

// newReader returns a reader who finds the commands in some folders. The
// brokers that it starts have monitoring even where the document does not ask
// for it: that is how a reader sees who has subscribed.
func newReader(t *testing.T, path ...string) *reader {
	t.Helper()
	root, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	// The folder of a test has a long name, and the socket of a plugin none too long.
	tmp, err := os.MkdirTemp("", "docs")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	return &reader{
		t: t, root: root, dir: t.TempDir(),
		env: append(environment(t, path...), "TMPDIR="+tmp, "MOONWIRE_HTTP_PORT=-1"),
	}
}

// document does what a document says.
func (r *reader) document(list []block) {
	r.t.Helper()
	for i := range list {
		r.read(&list[i])
	}
	r.finish()
}

// read does what one block says.
func (r *reader) read(b *block) {
	r.t.Helper()
	switch b.lang {
	case "console":
		r.console(b)
	case "conf":
		r.configuration(b)
	case "go":
		r.program(b)
	case "json":
		if err := json.Unmarshal([]byte(b.text()), new(any)); err != nil {
			r.t.Errorf("line %d: %v", b.line, err)
		}
	case "lua":
		r.script(b)
	case "text":
	default:
		r.t.Errorf("line %d: blocks of %q are not checked by any test", b.line, b.lang)
	}
}

// configuration loads a configuration and leaves it where commands find it.
func (r *reader) configuration(b *block) {
	r.t.Helper()
	name, ok := strings.CutPrefix(b.lines[0], "# ")
	if !ok || strings.ContainsAny(name, " /") {
		name = fmt.Sprintf("line%d.conf", b.line)
	}
	path := filepath.Join(r.dir, name)
	if err := os.WriteFile(path, []byte(b.text()), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if _, warnings, err := config.LoadFile(path, nil); err != nil || warnings != nil {
		r.t.Errorf("line %d: %v %v", b.line, err, warnings)
	}
}

// luaModule is the comment before a block of Lua that registers nothing, and is
// loaded with the script that requires it.
const luaModule = "module"

var luaFile = regexp.MustCompile(`^-- ([\w/]+\.lua)$`)

// script leaves a script where commands find it, and loads it or, if it is a file
// of tests, runs them. One without a name is compiled.
func (r *reader) script(b *block) {
	r.t.Helper()
	name := luaFile.FindStringSubmatch(b.lines[0])
	if name == nil {
		if _, err := sandbox.Compile(fmt.Sprintf("line%d.lua", b.line), []byte(b.text()), sandbox.Options{}); err != nil {
			r.t.Errorf("line %d: %v", b.line, err)
		}
		return
	}
	path := filepath.Join(r.dir, name[1])
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(b.text()), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if b.note == luaModule {
		return
	}
	command := "moonwire hook check " + name[1]
	if strings.HasSuffix(name[1], "_test.lua") {
		command = "moonwire hook test " + name[1]
	}
	if j := r.start(command); j.wait(r.t) != 0 {
		r.t.Errorf("line %d: %s failed:\n%s", b.line, command, j.printed())
	}
}

// program compiles a Go file as a package of this module, without a trace in
// the tree, and runs it.
func (r *reader) program(b *block) {
	r.t.Helper()
	if formatted, err := format.Source([]byte(b.text())); err != nil || string(formatted) != b.text() {
		r.t.Errorf("line %d: not formatted, or no Go: %v", b.line, err)
	}
	file := filepath.Join(r.dir, fmt.Sprintf("line%d.go", b.line))
	if err := os.WriteFile(file, []byte(b.text()), 0o600); err != nil {
		r.t.Fatal(err)
	}
	pkg := fmt.Sprintf("documented%d", b.line)
	overlay, err := json.Marshal(map[string]any{
		"Replace": map[string]string{filepath.Join(r.root, pkg, "main.go"): file},
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if err := os.WriteFile(file+".json", overlay, 0o600); err != nil {
		r.t.Fatal(err)
	}
	built := startJob(r.t, r.root, r.env, "go", "build", "-overlay="+file+".json", "-o", file+".exe", "./"+pkg)
	if code := built.wait(r.t); code != 0 {
		r.t.Fatalf("line %d: go build ended with %d:\n%s", b.line, code, built.printed())
	}
	if _, want, ok := strings.Cut(b.text(), "// Output:\n"); ok {
		ran := startJob(r.t, r.dir, r.env, file+".exe")
		code := ran.wait(r.t)
		want = strings.TrimPrefix(strings.ReplaceAll("\n"+want, "\n// ", "\n"), "\n")
		if code != 0 || ran.printed() != want {
			r.t.Errorf("line %d: ended with %d and printed:\n%s\nwant 0 and:\n%s", b.line, code, ran.printed(), want)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// checkLinks finds the files that a document links to.
func checkLinks(t *testing.T, path, text string) {
	t.Helper()
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), m[1])); err != nil {
			t.Errorf("link to %s: %v", m[1], err)
		}
	}
}

// TestTestCommand finds the command that runs all tests in the README, and that
// CI runs this very command: .ci/run takes it from there.
func TestTestCommand(t *testing.T) {
	t.Parallel()
	_, list := readDocument(t, "README.md")
	var found []string
	for _, b := range list {
		if b.note == testCommand {
			found = append(found, b.text())
		}
	}
	if len(found) != 1 || found[0] != "$ go test ./...\n" {
		t.Fatalf("behind the comment %q stands %q", testCommand, found)
	}
	script, err := os.ReadFile(".ci/run")
	if err != nil {
		t.Fatal(err)
	}
	take := regexp.MustCompile(`(?m)^command=\$\(.*README\.md.*\)$`).FindString(string(script))
	if take == "" || !bytes.Contains(script, []byte(`bash -c "$command"`)) {
		t.Fatal(".ci/run does not take its test command from README.md, or does not run it")
	}
	taken, err := exec.Command("bash", "-c", take+"\nprintf %s \"$command\"").CombinedOutput()
	if err != nil || string(taken) != "go test ./..." {
		t.Errorf(".ci/run takes %q, %v", taken, err)
	}
}
