package library

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestRateLimit(t *testing.T) {
	t.Parallel()
	for _, tt := range []script{
		{
			"a bucket", `local o = { rate = 2, burst = 3 }
for i = 1, 4 do out(ratelimit.allow("a", o)) end
sleep(0.25) out(ratelimit.allow("a", o))
sleep(0.25) out(ratelimit.allow("a", o)) out(ratelimit.allow("a", o))
sleep(100) for i = 1, 4 do out((ratelimit.allow("a", o))) end`,
			[]any{true, 0.0, true, 0.0, true, 0.0, false, 0.5, false, 0.25, true, 0.0, false, 0.5, true, true, true, false},
		},
		{"buckets are apart", `local o = { rate = 1 } out(ratelimit.allow("a", o)) out(ratelimit.allow("a", o)) out(ratelimit.allow("b", o))`, []any{true, 0.0, false, 1.0, true, 0.0}},
		{"burst is rate by default", `local o, n = { rate = 5 }, 0 while ratelimit.allow("a", o) do n = n + 1 end out(n)`, []any{5.0}},
		{"and at least 1", `out(ratelimit.allow("a", { rate = 0.1 })) out(ratelimit.allow("a", { rate = 0.1 }))`, []any{true, 0.0, false, 10.0}},
		{
			"many at once", `local o = { rate = 1, burst = 10, n = 7 } out(ratelimit.allow("a", o)) out(ratelimit.allow("a", o)) out(ratelimit.allow("a", { rate = 1, burst = 10, n = 3 }))`,
			[]any{true, 0.0, false, 4.0, true, 0.0},
		},
		{"all at once", `out(ratelimit.allow("a", { rate = 3, burst = 7, n = 7 }))`, []any{true, 0.0}},
		{"more than there can be", `out(ratelimit.allow("a", { rate = 1, burst = 10, n = 11 }))`, []any{false, math.Inf(1)}},
		{"none", `local o = { rate = 1 } ratelimit.allow("a", o) out(ratelimit.allow("a", { rate = 1, n = 0 })) out(ratelimit.allow("a", o))`, []any{true, 0.0, false, 1.0}},
		{"another rate", `ratelimit.allow("a", { rate = 1, burst = 10, n = 10 }) out(ratelimit.allow("a", { rate = 10, burst = 100 }))`, []any{false, 0.1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if c := tt.check(t, Options{}); c.outside == 0 {
				t.Error("the answer would be cached")
			}
		})
	}
}

func TestRateLimitWrong(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{})
	for _, tt := range []struct{ name, lines, want string }{
		{"no options", `ratelimit.allow("a")`, "bad argument #2 (table expected, got no value)"},
		{"no rate", `ratelimit.allow("a", {})`, "bad argument #2 (rate must be a number from 1e-09 to 1e+09)"},
		{"a rate of zero", `ratelimit.allow("a", { rate = 0 })`, "bad argument #2 (rate must be a number from 1e-09 to 1e+09)"},
		{"a rate that is no number", `ratelimit.allow("a", { rate = 0/0 })`, "bad argument #2 (rate must be a number from 1e-09 to 1e+09)"},
		{"no burst", `ratelimit.allow("a", { rate = 1, burst = 0 })`, "bad argument #2 (burst must be a number from 1 to 1e+09)"},
		{"tokens back", `ratelimit.allow("a", { rate = 1, n = -1 })`, "bad argument #2 (n must be a number from 0 to 1e+09)"},
		{"for ever", `ratelimit.allow("a", { rate = 0.001, burst = 1e9 })`, "bad argument #2 (burst 1e+09 takes more than 1e+09 seconds to fill at rate 0.001)"},
		{"a misspelt option", `ratelimit.allow("a", { rate = 1, bust = 1 })`, `bad argument #2: unknown key "bust"; did you mean "burst"?`},
		{"a long key", `ratelimit.allow(("k"):rep(1025), { rate = 1 })`, "bad argument #1 (a key has at most 1024 bytes, this one has 1025)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkError(t, new(fakeCaller).run(t, s, tt.lines), tt.want)
		})
	}
}

// TestRateLimitModel compares buckets with ones that count tokens.
func TestRateLimitModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := &fakeCaller{clock: newClock()}
		s := newShared(t, Options{Clock: c.clock.now})
		rate := rapid.Float64Range(0.1, 100).Draw(rt, "rate")
		burst := rapid.Float64Range(1, 50).Draw(rt, "burst")
		lines, tokens := "", burst
		var want []any
		for range rapid.IntRange(1, 30).Draw(rt, "calls") {
			wait := float64(rapid.IntRange(0, 2000).Draw(rt, "ms")) / 1000
			n := rapid.Float64Range(0.01, 60).Draw(rt, "n")
			tokens = min(burst, tokens+rate*wait)
			lines += fmt.Sprintf("sleep(%v)\n", wait)
			if math.Abs(tokens-n) < 1e-5 {
				continue // too close to tell, as times are rounded to nanoseconds
			}
			lines += fmt.Sprintf("out((ratelimit.allow('a', { rate = %v, burst = %v, n = %v })))\n", rate, burst, n)
			want = append(want, n <= tokens)
			if n <= tokens {
				tokens -= n
			}
		}
		if err := c.run(t, s, lines); err != nil {
			rt.Fatal(err)
		}
		if d := cmp.Diff(want, c.out); d != "" {
			rt.Fatalf("%s in\n%s", d, lines)
		}
	})
}

// TestRateLimitBelongsToHooks: hooks with the same key have buckets of their
// own.
func TestRateLimitBelongsToHooks(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{})
	for _, hook := range []string{"one", "two"} {
		c := &fakeCaller{hook: hook}
		if err := c.run(t, s, `local o = { rate = 1e-9 } out((ratelimit.allow("a", o))) out((ratelimit.allow("a", o)))`); err != nil || !cmp.Equal(c.out, []any{true, false}) {
			t.Errorf("%s: got %v, %v", hook, c.out, err)
		}
	}
	if got, want := s.Stats().RateLimit, (RateLimitStats{Buckets: 2, Allowed: 2, Denied: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestRateLimitFull: full buckets make room before others, and without room
// nothing is allowed.
func TestRateLimitFull(t *testing.T) {
	t.Parallel()
	c := &fakeCaller{clock: newClock(), hook: "a"}
	s := newShared(t, Options{RateLimit: RateLimitOptions{Buckets: 2}, Clock: c.clock.now})
	err := c.run(t, s, `local slow, fast = { rate = 0.01 }, { rate = 10, burst = 1 }
ratelimit.allow("slow", slow)
ratelimit.allow("fast", fast)
sleep(0.1)
ratelimit.allow("third", slow)  -- takes the place of fast
out((ratelimit.allow("slow", slow)))`)
	if err != nil || !cmp.Equal(c.out, []any{false}) || s.Stats().RateLimit.Evicted != 0 {
		t.Errorf("got %v, %v, %+v", c.out, err, s.Stats())
	}
	for _, hook := range []string{"b", "c"} {
		c.hook, c.out = hook, nil
		err := c.run(t, s, `out(ratelimit.allow("a", { rate = 2 }))`)
		if want := []any{hook == "b", map[bool]any{true: 0.0, false: 0.5}[hook == "b"]}; err != nil || !cmp.Equal(c.out, want) {
			t.Errorf("%s: got %v, %v", hook, c.out, err)
		}
	}
}
