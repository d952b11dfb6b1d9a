package log_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"moonwire/server/log"
)

// TestRotationFails makes the directory vanish: lines are lost and counted, and
// the log recovers when the directory is back.
func TestRotationFails(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "logs")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	l, z, path := open(t, log.Options{File: filepath.Join(dir, "moonwire.log"), SizeLimit: 1})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	z.Info("into the removed file")
	z.Info("lost")
	fatal(z, "lost")
	if got := l.Lost(); got != 2 {
		t.Errorf("%d lines lost, want 2", got)
	}
	if err := l.Reopen(); err == nil {
		t.Error("Reopen without a directory: no error")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	z.Info("back")
	list := backups(t, path)
	if len(list) != 1 || !strings.HasSuffix(strings.Join(lines(t, list[0]), "\n"), "[INF] back") {
		t.Errorf("got rotated files %q, want one with the line", list)
	}
	if got := l.Lost(); got != 2 {
		t.Errorf("%d lines lost in all, want 2", got)
	}
}

func TestReopen(t *testing.T) {
	t.Parallel()
	l, z, path := open(t, log.Options{})
	z.Info("one")
	moved := path + ".moved"
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	z.Info("two")
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	z.Info("three")
	if got := lines(t, moved); len(got) != 2 {
		t.Errorf("moved file has %q, want one and two", got)
	}
	if got := lines(t, path); len(got) != 1 || !strings.HasSuffix(got[0], "three") {
		t.Errorf("new file has %q, want three", got)
	}
}

// TestReopenFails checks that the log goes on in the old file.
func TestReopenFails(t *testing.T) {
	t.Parallel()
	l, z, path := open(t, log.Options{})
	moved := path + ".moved"
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err == nil {
		t.Error("no error for a directory")
	}
	z.Info("still here")
	if got := lines(t, moved); len(got) != 1 {
		t.Errorf("got %q, want one line", got)
	}
	if l.Lost() != 0 {
		t.Errorf("%d lines lost", l.Lost())
	}
}

func TestDiskFull(t *testing.T) {
	t.Parallel()
	l, err := log.New(log.Options{File: "/dev/full"})
	if err != nil {
		t.Fatal(err)
	}
	logAll(l.Zap())
	if got := l.Lost(); got != 5 {
		t.Errorf("%d lines lost, want 5", got)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
