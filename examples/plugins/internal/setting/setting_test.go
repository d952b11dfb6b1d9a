package setting

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

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
