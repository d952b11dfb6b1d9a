package hooktool

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"moonwire/hooks"
	"moonwire/hooks/lua"
	"moonwire/hooks/lua/library"
	"moonwire/server"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desktop is a folder with files, and the tools.
type desktop struct {
	t   testing.TB
	dir string
	Program
}

// newDesktop makes a folder; files are names and contents in turn.
func newDesktop(t testing.TB, files ...string) *desktop {
	t.Helper()
	d := &desktop{t: t, dir: t.TempDir()}
	for i := 0; i+1 < len(files); i += 2 {
		d.write(files[i], files[i+1])
	}
	return d
}

func (d *desktop) path(name string) string { return filepath.Join(d.dir, name) }

func (d *desktop) write(name, content string) {
	d.t.Helper()
	if err := os.MkdirAll(filepath.Dir(d.path(name)), 0o700); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(d.path(name), []byte(content), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// run runs a tool; "@" at the beginning of an argument stands for the folder. What
// is printed has neither the folder nor how long things took.
func (d *desktop) run(args ...string) (code int, stdout, stderr string) {
	d.t.Helper()
	args = append([]string(nil), args...)
	for i, a := range args {
		if name, ok := strings.CutPrefix(a, "@"); ok {
			args[i] = d.path(name)
		}
	}
	var out, errs bytes.Buffer
	p := d.Program
	p.Stdout, p.Stderr = &out, &errs
	code = Run(context.Background(), args, p)
	return code, d.plain(out.String()), d.plain(errs.String())
}

var took = regexp.MustCompile(`\b[0-9.]+(?:ns|µs|ms|s)\b`)

func (d *desktop) plain(s string) string {
	return took.ReplaceAllString(strings.ReplaceAll(s, d.dir+string(filepath.Separator), ""), "TIME")
}

// withEngines has the tools open scripts of configurations.
func (d *desktop) withEngines() *desktop {
	d.Engines = func() []server.Option {
		return []server.Option{server.WithEngine(server.EngineLua, openScript)}
	}
	return d
}

func openScript(ctx context.Context, o server.EngineOptions) (hooks.Engine, error) {
	shared, err := library.NewShared(library.Options{Control: nobody{}})
	if err != nil {
		return nil, err
	}
	shared.Close() // no script of these tests asks the network
	return lua.Open(ctx, lua.Options{
		Name: o.Name, File: o.Hook.Lua, Config: o.Hook.Config, Libraries: library.Modules(shared), NoteReads: o.NoteReads,
	})
}

// check compares what a tool has printed.
func check(t testing.TB, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got\n%s\nwant\n%s", what, got, want)
	}
}
