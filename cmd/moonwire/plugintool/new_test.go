package plugintool

import (
	"bytes"
	"context"
	"go/format"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience is for what has to come.
const patience = 4 * time.Minute

// plugin writes a plugin into a new folder, which it returns.
func plugin(t *testing.T, name, lang string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "a folder")
	var stdout, stderr bytes.Buffer
	if code := Run([]string{"new", name, "--lang", lang, "--dir", dir}, &stdout, &stderr); code != exitOK || stderr.Len() > 0 {
		t.Fatalf("ended with %d and said: %s", code, &stderr)
	}
	for _, f := range languages()[lang] {
		info, err := os.Stat(filepath.Join(dir, f.name))
		if err != nil {
			t.Fatal(err)
		}
		if executable := info.Mode()&0o100 != 0; executable != (f.mode&0o100 != 0) {
			t.Errorf("%s: the mode is %v", f.name, info.Mode())
		}
		if !strings.Contains(stdout.String(), filepath.Join(dir, f.name)+"\n") {
			t.Errorf("%s is not told of", f.name)
		}
	}
	if want := `. Go on with: cd '` + dir + `' && `; !strings.Contains(stdout.String(), want) {
		t.Errorf("printed %q, without %q", &stdout, want)
	}
	return dir
}

// command runs a command in a folder.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	c.Dir, c.WaitDelay = dir, time.Second
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%q: %v\n%s", c.Args, err, out)
	}
	return string(out)
}

// TestGo: what new writes builds, is right, and has tests that pass, without anything
// to be fetched.
func TestGo(t *testing.T) {
	t.Parallel()
	dir := plugin(t, "orders-2", "go")
	for _, name := range []string{"main.go", "main_test.go"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if formatted, err := format.Source(text); err != nil || !bytes.Equal(formatted, text) {
			t.Errorf("%s is not formatted: %v", name, err)
		}
	}
	command(t, dir, "go", "vet", ".")
	if out := command(t, dir, "go", "test", "-v", "."); !strings.Contains(out, "--- PASS: TestPolicy") {
		t.Errorf("the tests of the plugin did not run:\n%s", out)
	}
	command(t, dir, "go", "build", "-o", "orders-2", ".")
}

// TestTests: the test that new writes sees a policy that is wrong.
func TestTests(t *testing.T) {
	t.Parallel()
	dir := plugin(t, "orders", "go")
	path := filepath.Join(dir, "main.go")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	wrong := bytes.Replace(text, []byte("if !slices"), []byte("if slices"), 1)
	if err := os.WriteFile(path, wrong, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, "go", "test", ".")
	c.Dir, c.WaitDelay = dir, time.Second
	if out, err := c.CombinedOutput(); err == nil || !strings.Contains(string(out), "want allow") {
		t.Errorf("got %v and:\n%s", err, out)
	}
}

// TestNothingIsOverwritten: one file that is there keeps all of them from being
// written.
func TestNothingIsOverwritten(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "server.conf")
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	code := Run([]string{"new", "--lang", "go", "--dir", dir, "orders"}, &stdout, &stderr)
	if want := "moonwire plugin: nothing was written, as the folder " + dir + " has already: server.conf; --dir names another\n"; code != exitFailed || stderr.String() != want {
		t.Errorf("ended with %d and said %q, want %q", code, &stderr, want)
	}
	text, err := os.ReadFile(path)
	if err != nil || string(text) != "mine" {
		t.Errorf("the file has %q, %v", text, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
		t.Errorf("the folder has %v, %v", list, err)
	}
}

// TestNoFolder: what is no folder is told in one line.
func TestNoFolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		path:                     path + " is not a folder: --dir names another",
		filepath.Join(path, "a"): "not a directory",
	} {
		var stdout, stderr bytes.Buffer
		code := Run([]string{"new", "orders", "--lang", "go", "--dir", dir}, &stdout, &stderr)
		if code != exitFailed || !strings.HasSuffix(stderr.String(), want+"\n") || strings.Count(stderr.String(), "\n") != 1 {
			t.Errorf("%s: ended with %d and said %q, want %q", dir, code, &stderr, want)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	empty, other := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "go.mod"), []byte("module other\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"nothing", nil, exitUsage, "say what is to be done: new"},
		{"another command", []string{"old"}, exitUsage, `there is no command "old"`},
		{"no name", []string{"new", "--lang", "go"}, exitUsage, "new takes one name, and got 0"},
		{"two names", []string{"new", "a", "--lang", "go", "b"}, exitUsage, "new takes one name, and got 2"},
		{"no language", []string{"new", "a"}, exitUsage, "--lang: must be go or node"},
		{"another language", []string{"new", "a", "--lang", "cobol"}, exitUsage, `--lang: "cobol" is not known`},
		{"unknown flag", []string{"new", "a", "--language", "go"}, exitUsage, "flag provided but not defined: -language"},
		{"all at once", []string{"new", "A"}, exitUsage, "--lang: must be"},
		{"name with a folder", []string{"new", "../a", "--lang", "go"}, exitUsage, `at most 64; --dir names the folder`},
		{"name of a flag", []string{"new", "--lang", "go", "--", "-a"}, exitUsage, `the name "-a"`},
		{"long name", []string{"new", strings.Repeat("a", 65), "--lang", "go"}, exitUsage, "at most 64"},
		{"no sources", []string{"new", "a", "--lang", "go", "--moonwire", empty}, exitFailed, "has no go.mod: it is not the top of the sources"},
		{"other sources", []string{"new", "a", "--lang", "go", "--moonwire", other}, exitFailed, "is not of the module moonwire"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			args := tt.args
			if len(args) > 0 && args[0] == "new" {
				args = append([]string{"new", "--dir", filepath.Join(t.TempDir(), "new")}, args[1:]...)
			}
			var stdout, stderr bytes.Buffer
			if code := Run(args, &stdout, &stderr); code != tt.code || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("ended with %d and said %q, want %d and %q", code, &stderr, tt.code, tt.want)
			}
			if stdout.Len() > 0 {
				t.Errorf("printed %q", &stdout)
			}
		})
	}
}

// TestTemplates: each template is used, and each that is used is there.
func TestTemplates(t *testing.T) {
	t.Parallel()
	unused := make(map[string]bool)
	err := fs.WalkDir(templates, "templates", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			unused[path] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for lang, files := range languages() {
		for _, f := range files {
			path := "templates/" + lang + "/" + f.template + ".tmpl"
			if !unused[path] {
				t.Errorf("%s is not there, or used twice", path)
			}
			delete(unused, path)
		}
	}
	if len(unused) > 0 {
		t.Errorf("nobody uses %v", unused)
	}
}
