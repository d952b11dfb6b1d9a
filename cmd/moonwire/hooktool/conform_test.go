package hooktool

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// TestConformUsage: what is wrong with the command line is said, and nothing runs.
func TestConformUsage(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, "bad.json", "[]")
	for _, tt := range []struct{ name, args, want string }{
		{"no program", "", "say how the plugin is started"},
		{"not in PATH", "doc.go", "doc.go is looked for in PATH, and is not there: write ./doc.go for the file in this folder"},
		{"no calls", "-calls 0 cmd", "-timeout, -start-timeout, -calls and -clients are more than 0"},
		{"no such TLS", "-mtls maybe cmd", `-mtls: "maybe" is none of on, off, both`},
		{"no variable", "-env =x cmd", "want NAME=VALUE"},
		{"no such flag", "-nonsense cmd", "flag provided but not defined: -nonsense"},
		{"bad object", "-config {x} cmd", "-config: it is no JSON object"},
		{"bad file", "-config @bad.json cmd", "is no JSON object"},
		{"no file", "-config @none.json cmd", "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := *d
			d.t = t
			code, out, errs := d.run(append([]string{"conform"}, strings.Fields(tt.args)...)...)
			if code != 2 || out != "" || !strings.Contains(errs, tt.want) {
				t.Errorf("exit code %d, stdout %q, stderr %q: want 2 and %q", code, out, errs, tt.want)
			}
		})
	}
}

// TestConformFailed: a program that is no plugin fails in one line, and all that
// comes after it is skipped in another. What follows the program is its own.
func TestConformFailed(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	self, err := os.Executable() // it has no tests of that name, and says so
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"conform", "-config", `{"a": 1}`, "-env", "A=b=c", self, "-test.run", "^$"}
	code, out, errs := d.run(args...)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if code != 1 || errs != "" || !strings.HasPrefix(lines[0], "FAIL     start: starting ") ||
		!strings.Contains(lines[0], "and not the handshake") || len(lines) != 3 ||
		!strings.HasPrefix(lines[1], "skipped  configure, health, ") || !strings.HasSuffix(lines[1], `: it fails "start"`) ||
		!strings.HasPrefix(lines[2], "0 ok, 1 failed, ") {
		t.Errorf("exit code %d, stdout\n%s\nstderr %q", code, out, errs)
	}
	code, out, _ = d.run(append([]string{"conform", "-json"}, args[1:]...)...)
	var r struct {
		Command             []string
		OK, Failed, Skipped int
		Checks              []struct{ Name, Result, Detail string }
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if code != 1 || r.OK != 0 || r.Failed != 1 || r.Skipped != len(r.Checks)-1 || strings.Join(r.Command, " ") != self+" -test.run ^$" ||
		r.Checks[0].Name != "start" || r.Checks[0].Result != "FAIL" || r.Checks[0].Detail == "" {
		t.Errorf("exit code %d, %+v", code, r)
	}
	// With -v there is what it writes.
	if _, _, errs := d.run("conform", "-v", "sh", "-c", "echo oh dear >&2"); !strings.Contains(errs, "oh dear") {
		t.Errorf("stderr %q", errs)
	}
}
