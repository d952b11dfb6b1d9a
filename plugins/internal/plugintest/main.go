package plugintest

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

// Main runs the tests, or program in their place where the binary was started as a
// plugin or to be attached to. The run fails if it leaves goroutines, processes or
// folders of sockets behind.
func Main(m *testing.M, program func()) {
	if os.Getenv(api.CookieKey)+os.Getenv(api.AttachKey) != "" {
		program()
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
