package sdk

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestListenAt: a socket that a program has left behind is taken over; nothing else
// that is there is lost. It is not parallel: a program that another test starts at the
// moment holds the socket that is left behind for as long as that takes.
func TestListenAt(t *testing.T) {
	dir, err := os.MkdirTemp("", "mw") // short, as sockets are in it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := func(name string) string { return filepath.Join(dir, name) }
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path("left"), Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	if err := left.Close(); err != nil {
		t.Fatal(err)
	}
	busy, err := net.Listen("unix", path("busy"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	if err := os.WriteFile(path("file"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"new": "", "left": "", "busy": "somebody serves at ", "file": "is no socket", "none/s": "no such file",
	} {
		l, err := listenAt(path(name))
		if err != nil {
			if want == "" || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
			continue
		}
		info, err := os.Stat(path(name))
		if err != nil || info.Mode().Perm() != 0o600 || want != "" {
			t.Errorf("%s: listens, with %v, %v, want %q", name, info, err, want)
		}
		_ = l.Close()
	}
	if b, err := os.ReadFile(path("file")); err != nil || string(b) != "mine" {
		t.Errorf("the file has %q, %v", b, err)
	}
	if c, err := net.Dial("unix", path("busy")); err != nil {
		t.Errorf("who served does not any more: %v", err)
	} else {
		_ = c.Close()
	}
}
