//go:build unix

package conform

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"moonwire/plugins/api"
)

// TestMain runs the tests, or in the place of a program the plugin that they look
// at: the test binary starts itself.
func TestMain(m *testing.M) {
	if os.Getenv(api.CookieKey) != "" {
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
		for _, name := range left {
			fmt.Fprintln(os.Stderr, "left behind:", name)
			code = max(code, 1)
		}
		_ = os.RemoveAll(dir)
		os.Exit(code)
	}))
}
