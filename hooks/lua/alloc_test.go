//go:build !race

package lua

import (
	"testing"

	"moonwire/hooks"
)

// TestAllocations holds the calls of the message path to what they may cost. The
// race detector makes pools forget on purpose, so that nothing can be counted.
func TestAllocations(t *testing.T) {
	for _, tt := range []struct {
		name, source string
		make         func(int, *hooks.Call)
		most         float64
	}{
		{"the same subject", publishScript, sameSubject, 0},
		{"another subject", publishScript, changingSubject, 0},
		{"a new subject", publishScript, newSubject(), 2},
		{"kept", cachedScript, changingSubject, 6},
		{"rewrite", rewriteScript, changingSubject, 4},
		{"inspect", inspectScript, message, 2},
	} {
		d := newBenched(t, tt.source, 1, tt.make)
		if n := testing.AllocsPerRun(1000, func() { d.ask(t) }); n > tt.most {
			t.Errorf("%s: %v allocations, want at most %v", tt.name, n, tt.most)
		}
	}
}
