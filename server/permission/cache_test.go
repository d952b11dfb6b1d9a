package permission_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"moonwire/server/config"
	"moonwire/server/permission"
)

// TestCacheModel publishes in one row to more subjects than the cache holds, of
// all lengths around its bounds, with sets that change on the way.
func TestCacheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		sets := []*permission.Set{
			nil,
			compile(t, &config.Permissions{Subscribe: config.Rules{Deny: list("x")}}),
			compile(t, &config.Permissions{Publish: drawPermissions(t).Publish}),
			compile(t, &config.Permissions{Publish: config.Rules{Allow: list("a.>"), Deny: list("a.*.c")}}),
		}
		lengths := rapid.SampledFrom([]int{0, 0, 0, 58, 59, 60, 61, 1024, 2000})
		var c permission.Cache
		var set *permission.Set
		var read []byte // the subject lies in a buffer that is used again
		rapid.SliceOfN(rapid.Custom(func(t *rapid.T) int {
			if rapid.IntRange(0, 30).Draw(t, "other set") == 0 {
				set = rapid.SampledFrom(sets).Draw(t, "set")
			}
			subj := drawRow(t, "subject", "a", "b", "c", "")
			if rapid.IntRange(0, 5).Draw(t, "empty") == 0 {
				subj = ""
			}
			subj += strings.Repeat("x", lengths.Draw(t, "longer"))
			read = append(read[:0], subj...)
			if got, want := c.Publish(set, read), set.Publish([]byte(subj)); got != want {
				t.Fatalf("publish to %q: got %v, want %v", subj, got, want)
			}
			return 0
		}), 1, 400).Draw(t, "publishes")
	})
}

// TestCacheHit repeats many subjects, allowed and denied.
func TestCacheHit(t *testing.T) {
	set := compile(t, &config.Permissions{Publish: config.Rules{Deny: list("no.>")}})
	var c permission.Cache
	subjects := make([][]byte, 2000)
	for i := range subjects {
		subjects[i] = fmt.Appendf(nil, "%s.%d", []string{"yes", "no"}[i%2], i)
	}
	round := func() {
		for i, s := range subjects {
			if got, want := c.Publish(set, s), i%2 == 0; got != want {
				t.Fatalf("publish to %q: got %v, want %v", s, got, want)
			}
		}
	}
	round()
	if n := testing.AllocsPerRun(10, round); n > 0 {
		t.Errorf("%v allocations for %d subjects that do not fit", n, len(subjects))
	}
}

// TestCacheForgets has the same subject allowed by one set and denied by another.
func TestCacheForgets(t *testing.T) {
	t.Parallel()
	yes := compile(t, &config.Permissions{Publish: config.Rules{Allow: list("a", "b")}})
	no := compile(t, &config.Permissions{Publish: config.Rules{Deny: list("a", "b")}})
	var c permission.Cache
	for i := range 100 {
		set, want := yes, true
		if i%10 >= 5 {
			set, want = no, false
		}
		for _, subj := range list("a", "b", "b", "a") {
			if got := c.Publish(set, []byte(subj)); got != want {
				t.Fatalf("round %d: publish to %q: got %v, want %v", i, subj, got, want)
			}
		}
	}
}

// TestCacheLong has subjects that are too long to be held, and what they would be
// if they were cut.
func TestCacheLong(t *testing.T) {
	t.Parallel()
	set := compile(t, &config.Permissions{Publish: config.Rules{Deny: list("a.*.x")}})
	var c permission.Cache
	for i := range 2000 {
		short := fmt.Sprintf("a.%060d", i)
		if c.Publish(set, []byte(short+".x")) {
			t.Fatalf("publish to %s.x is allowed", short)
		}
		if !c.Publish(set, []byte(short)) {
			t.Fatalf("publish to %s is refused", short)
		}
	}
}
