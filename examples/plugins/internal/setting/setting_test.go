package setting

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"moonwire/plugins/sdk"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, json, file, err string
	}{
		{"nothing", `{}`, "a.db", ""},
		{"a file", `{"file": "b.db"}`, "b.db", ""},
		{"a word too many", `{"files": 1}`, "a.db", `config: json: unknown field "files"`},
		{"another type", `{"file": 1}`, "a.db", "config: "},
	} {
		into := struct {
			File string `json:"file"`
		}{"a.db"}
		err := Read(&sdk.Config{JSON: []byte(tt.json)}, &into)
		if into.File != tt.file || (err != nil) != (tt.err != "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: got %q, %v", tt.name, into.File, err)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	if got, err := Duration("every", "1m"); got != time.Minute || err != nil {
		t.Errorf("got %v, %v", got, err)
	}
	for _, text := range []string{"", "often", "5", "0s", "-1s"} {
		if _, err := Duration("every", text); err == nil || !strings.Contains(err.Error(), "config: every: ") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestBeside(t *testing.T) {
	t.Parallel()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := filepath.Join(t.TempDir(), "a.db")
	for path, want := range map[string]string{"a.db": filepath.Join(filepath.Dir(program), "a.db"), elsewhere: elsewhere} {
		if got, err := Beside(path); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
}
