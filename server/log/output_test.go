package log

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestStderr logs to a pipe in place of stderr: the line must be there before
// anything is closed, and without colour.
func TestStderr(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	l, err := newLogger(Options{}, w)
	if err != nil {
		t.Fatal(err)
	}
	l.Zap().Warn("hello")
	if err := l.Reopen(); err != nil {
		t.Errorf("Reopen: %v", err)
	}
	if err := l.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if _, err := w.WriteString("still open\n"); err != nil {
		t.Errorf("Close closed stderr: %v", err)
	}
	w.Close()
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("[%d] [WRN] hello\nstill open\n", os.Getpid()); string(got) != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestStderrGone(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
	defer w.Close()
	l, err := newLogger(Options{}, w)
	if err != nil {
		t.Fatal(err)
	}
	l.Zap().Error("nobody reads this")
	if got := l.Lost(); got != 1 {
		t.Errorf("%d lines lost, want 1", got)
	}
}

func TestIsTerminal(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	if isTerminal(f) {
		t.Error("a regular file is taken for a terminal")
	}
	f.Close()
	if isTerminal(f) {
		t.Error("a closed file is taken for a terminal")
	}
}

// fullDisk takes room bytes, and fails while they are used up.
type fullDisk struct {
	strings.Builder
	room int
}

func (d *fullDisk) Write(p []byte) (int, error) {
	n := min(len(p), d.room)
	d.room -= n
	d.Builder.Write(p[:n])
	if n < len(p) {
		return n, errors.New("no space left on device")
	}
	return n, nil
}

func (*fullDisk) Close() error { return nil }

// TestTornLine fills the disk in the middle of a line: when there is room again
// the next line starts on its own.
func TestTornLine(t *testing.T) {
	t.Parallel()
	disk := &fullDisk{room: 12}
	l := &file{f: disk}
	if err := l.write([]byte("line one\n")); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"line two\n", "line three\n"} {
		if err := l.write([]byte(line)); err == nil {
			t.Errorf("%q: no error from a full disk", line)
		}
	}
	disk.room = 100
	for _, line := range []string{"line four\n", "line five\n"} {
		if err := l.write([]byte(line)); err != nil {
			t.Error(err)
		}
	}
	if want := "line one\nlin\nline four\nline five\n"; disk.String() != want {
		t.Errorf("got %q, want %q", disk.String(), want)
	}
	if l.size != int64(disk.Len()) {
		t.Errorf("size is %d, want %d", l.size, disk.Len())
	}
}

// TestRenameFails puts the log where it cannot be renamed: it goes on in the
// same file and tries again only at twice the size.
func TestRenameFails(t *testing.T) {
	t.Parallel()
	// A name of the greatest length leaves no room for the stamp.
	path := filepath.Join(t.TempDir(), strings.Repeat("l", 250))
	l, err := newLogger(Options{File: path, SizeLimit: 100}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	z := l.Zap()
	for range 20 {
		z.Info("12345678901234567890")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(data), "12345678901234567890"); n != 20 {
		t.Errorf("%d lines, want 20", n)
	}
	if n := strings.Count(string(data), "[ERR] Log file could not be rotated: "); n < 1 || n > 4 {
		t.Errorf("failure reported %d times, want it a few times only:\n%s", n, data)
	}
}
