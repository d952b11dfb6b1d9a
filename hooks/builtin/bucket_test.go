package builtin

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"moonwire/hooks"
)

// naiveBucket counts tokens as one would by hand, in parts of 1e-9.
type naiveBucket struct {
	rate, burst int64
	parts       int64
	at          time.Time
}

func (b *naiveBucket) holds(now time.Time, n int) bool {
	if b.rate == 0 {
		return true
	}
	if b.at.IsZero() {
		b.parts = b.burst * 1e9
	} else {
		b.parts = min(b.parts+now.Sub(b.at).Nanoseconds()*b.rate, b.burst*1e9)
	}
	b.at = now
	return b.parts >= min(int64(n), b.burst)*1e9
}

func (b *naiveBucket) take(n int) { b.parts -= int64(n) * 1e9 }

// rates are such that a token takes a whole number of nanoseconds.
var rates = []int64{1, 2, 5, 10, 1000, 100_000}

// drawRule draws a rule whose rates are such.
func drawRule(t *rapid.T) RateRule {
	r := RateRule{At: hooks.AtPublish, By: rapid.SampledFrom([]hooks.Field{
		hooks.FieldUser, hooks.FieldSubject, hooks.FieldUser | hooks.FieldSubject,
	}).Draw(t, "by")}
	which := rapid.IntRange(0, 2).Draw(t, "which")
	if which != 0 {
		r.Rate = float64(rapid.SampledFrom(rates).Draw(t, "rate"))
		r.Burst = rapid.IntRange(1, 5).Draw(t, "burst")
	}
	if which != 1 {
		r.Bytes = float64(rapid.SampledFrom(rates).Draw(t, "bytes"))
		r.BytesBurst = rapid.IntRange(1, 100).Draw(t, "bytes burst")
	}
	if rapid.Bool().Draw(t, "narrow") {
		r.Subjects = []string{"a.>"}
	}
	return r
}

// TestRateLimitModel: the engine decides as naive buckets do.
func TestRateLimitModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var rules []RateRule
		for range rapid.IntRange(1, 3).Draw(t, "rules") {
			rules = append(rules, drawRule(t))
		}
		clock := &hand{time.Now()}
		l, err := NewRateLimit(RateLimitOptions{Rules: rules, Clock: clock.now}, nil)
		if err != nil {
			t.Fatal(err)
		}
		set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: l}}, hooks.Options{})
		if err != nil {
			t.Fatal(err)
		}
		type pair struct{ events, bytes naiveBucket }
		model := make(map[string]*pair)
		for range rapid.IntRange(1, 30).Draw(t, "batches") {
			clock.advance(time.Duration(rapid.SampledFrom([]int64{0, 1, 1e3, 1e6, 1e8, 2e8, 1e9, 7e9}).Draw(t, "pause")))
			client := &hooks.Client{User: rapid.SampledFrom([]string{"u", "v"}).Draw(t, "user")}
			var calls []*hooks.Call
			var want []bool
			for range rapid.IntRange(1, 6).Draw(t, "calls") {
				c := message(client, rapid.SampledFrom([]string{"a.b", "a.c", "d"}).Draw(t, "subject"), rapid.IntRange(0, 150).Draw(t, "size"))
				calls = append(calls, c)
				var pairs []*pair
				all := true
				for i, r := range rules {
					if len(r.Subjects) > 0 && string(c.Subject) == "d" {
						continue
					}
					key := fmt.Sprint(i)
					if r.By&hooks.FieldUser != 0 {
						key += " " + client.User
					}
					if r.By&hooks.FieldSubject != 0 {
						key += " " + string(c.Subject)
					}
					p := model[key]
					if p == nil {
						p = &pair{naiveBucket{rate: int64(r.Rate), burst: int64(r.Burst)}, naiveBucket{rate: int64(r.Bytes), burst: int64(r.BytesBurst)}}
						model[key] = p
					}
					events, bytes := p.events.holds(clock.at, 1), p.bytes.holds(clock.at, c.Size)
					all = all && events && bytes
					pairs = append(pairs, p)
				}
				for _, p := range pairs {
					if all {
						p.events.take(1)
						p.bytes.take(c.Size)
					}
				}
				want = append(want, all)
			}
			ask(set, hooks.AtPublish, calls...)
			for i, c := range calls {
				if got := !c.Outcome.Verdict.Refuses(); got != want[i] {
					t.Fatalf("call %d (%s of %d bytes by %s): got %+v, want admitted: %v", i, c.Subject, c.Size, client.User, c.Outcome, want[i])
				}
			}
		}
		if err := set.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

// TestTokensLongRun: whatever the rate, somebody who takes all there is gets it.
func TestTokensLongRun(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.001, 0.3, 1, 3, 7.5, 999, 123_456.7, 3e6, mostRate} {
		tk := perSecond(rate, 5)
		var full, now int64
		const n = 10_000
		for range n {
			now += tk.wait(full, now, 1)
			full = tk.take(full, now, 1)
		}
		want := float64(n-5) / rate * 1e9
		if off := math.Abs(float64(now)-want) / want; off > 0.002 {
			t.Errorf("rate %v: %d tokens took %v, want %v", rate, n, time.Duration(now), time.Duration(want))
		}
	}
}

// TestTokensExtremes: nothing overflows.
func TestTokensExtremes(t *testing.T) {
	t.Parallel()
	slowest := perSecond(1/mostFill.Seconds(), 1)
	const now = int64(50 * 365 * 24 * time.Hour)
	full := slowest.take(0, now, math.MaxInt32)
	if w := slowest.wait(full, now, math.MaxInt32); w <= 0 || full <= now {
		t.Errorf("full at %d, wait %d", full, w)
	}
	if none := perSecond(0, 0); none.wait(0, now, 1<<30) != 0 || none.take(7, now, 1<<30) != 7 {
		t.Error("no limit is one")
	}
}
