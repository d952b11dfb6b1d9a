//go:build unix

package listen

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestUnix(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "s")
	l, err := Unix(path)
	if err != nil {
		t.Fatal(err)
	}
	if i, err := os.Stat(path); err != nil || i.Mode().Perm() != 0o600 {
		t.Errorf("the file is %v, %v; want mode 0600", i.Mode(), err)
	}
	nc, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_ = nc.Close()
	if _, err := Unix(path); err == nil || !strings.Contains(err.Error(), "somebody listens on "+path) {
		t.Errorf("got %v, want that somebody listens on %s", err, path)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file is still there: %v", err)
	}
}

// TestUnixStale: what a process left that did not close is replaced, what is
// something else is not.
func TestUnixStale(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	_ = left.Close()
	l, err := Unix(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()

	file := filepath.Join(dir, "f")
	write(t, file, []byte("precious"))
	if _, err := Unix(file); err == nil || !strings.Contains(err.Error(), file+" is there and is no socket") {
		t.Errorf("got %v, want that it is no socket", err)
	}
	if b, _ := os.ReadFile(file); string(b) != "precious" {
		t.Error("the file is not what it was")
	}
	if _, err := Unix(filepath.Join(dir, "no", "s")); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("got %v, want an error that names the path", err)
	}
}
