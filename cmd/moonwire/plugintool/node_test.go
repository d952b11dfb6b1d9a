//go:build node && unix

package plugintool

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestNode needs Node 18 or later and npm, which fetches what the SDK depends on:
//
//	make node
func TestNode(t *testing.T) {
	t.Parallel()
	dir := plugin(t, "orders-2", "node")
	command(t, dir, "npm", "install", "--no-audit", "--no-fund", "--ignore-scripts")
	if out := command(t, dir, "npm", "test"); !strings.Contains(out, "pass 2\n") {
		t.Errorf("the tests of the plugin did not run:\n%s", out)
	}
	// The sources stay as they were.
	if list, err := filepath.Glob("../../../" + nodeSDK + "/node_modules"); err != nil || len(list) > 0 {
		t.Errorf("there are %v, %v", list, err)
	}
}
