package plugins

import (
	"strings"
	"testing"
)

// TestReason: of what a program writes before it ends, the line that says why.
func TestReason(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, text, want string }{
		{"nothing", "", ""},
		{"a line", "reading the rules\nno such database", "no such database"},
		{
			"Node", "node:internal/modules/esm/resolve:873\n  throw new ERR_MODULE_NOT_FOUND(name);\n\n" +
				"Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'moonwire-hook' imported from /srv/index.js\n" +
				"    at packageResolve (node:internal/modules/esm/resolve:873:9) {\n  code: 'ERR_MODULE_NOT_FOUND'\n}\n\nNode.js v20.20.2",
			"Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'moonwire-hook' imported from /srv/index.js",
		},
		{"Node's syntax", "file:///srv/index.js:28\n    retrn x;\n\nSyntaxError: Unexpected identifier 'x'\n    at compileSourceTextModule (node:internal)\n\nNode.js v20.20.2", "SyntaxError: Unexpected identifier 'x'"},
		{"Go", "ready\npanic: no database\n\ngoroutine 1 [running]:\nmain.main()\n\t/srv/main.go:3 +0x18", "panic: no database"},
		{"Go's runtime", "runtime: may need to increase max user processes\nfatal error: newosproc\n\nruntime stack:\n0x7ffc", "fatal error: newosproc"},
		{"cgo", "runtime/cgo: pthread_create failed: Resource temporarily unavailable\nSIGABRT: abort\ngs     0x0", "runtime/cgo: pthread_create failed: Resource temporarily unavailable"},
		{"Python", "Traceback (most recent call last):\n  File \"orders.py\", line 1\nModuleNotFoundError: No module named 'grpc'", "ModuleNotFoundError: No module named 'grpc'"},
		{"the last of two", "TypeError: first\nRangeError: second\n    at main", "RangeError: second"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := ""
			for line := range strings.Lines(tt.text) {
				if line = strings.TrimSpace(line); line != "" {
					got = lastWords(got, line)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
