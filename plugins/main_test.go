package plugins

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"go.uber.org/goleak"

	"moonwire/plugins/api"
)

// TestMain runs the tests, or in the place of a program the plugin that they need:
// the test binary starts itself. Nothing may be left of them.
func TestMain(m *testing.M) {
	if os.Getenv(api.CookieKey)+os.Getenv(api.AttachKey) != "" {
		servePlugin()
		return
	}
	dir, err := os.MkdirTemp("", "mw") // short, as sockets are in it
	if err == nil {
		err = os.Setenv("TMPDIR", dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		left, _ := filepath.Glob(filepath.Join(dir, "moonwire-*"))
		for _, what := range append(left, children()...) {
			fmt.Fprintln(os.Stderr, "left behind:", what)
			code = max(code, 1)
		}
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}

// children returns the processes that this one has started and that are still
// there, also as something to be reaped. There are none where there is no /proc.
func children() (list []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, name := range all {
		stat, _ := os.ReadFile(name)
		if f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]); len(f) > 1 && string(f[1]) == strconv.Itoa(os.Getpid()) {
			list = append(list, string(stat))
		}
	}
	return list
}

// gone reports whether a process has ended.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	return len(f) == 0 || string(f[0]) == "Z" // whose parent has not looked yet
}
