package hooks

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestBreaker walks through the life of a hook that fails and recovers.
func TestBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked, broken := 0, false
		var states list[BreakerState]
		set := must(t, Options{
			Breaker:  BreakerOptions{Threshold: 0.5, MinCalls: 4, Window: 10 * time.Second, Cooldown: 5 * time.Second},
			Observer: Observer{Breaker: func(_ string, s BreakerState) { states.add(s) }},
		}, Hook{Name: "h", Engine: on(AtPublish, func(c *Call) {
			if asked++; broken {
				c.Err = errors.New("x")
			}
		})})
		table := set.Table("A")
		want := func(what string, v Verdict, now bool, s BreakerState) {
			t.Helper()
			before := asked
			c := one(table, AtPublish, "a")
			if c.Outcome.Verdict != v || asked > before != now || set.Stats()[0].Breaker != s {
				t.Errorf("%s: got %v, asked %v, %v; want %v, %v, %v", what, c.Outcome.Verdict, asked > before, set.Stats()[0].Breaker, v, now, s)
			}
		}
		for range 10 {
			want("well", Pass, true, BreakerClosed)
		}
		broken = true
		for range 3 {
			want("fewer than MinCalls of the window", Deny, true, BreakerClosed)
		}
		time.Sleep(11 * time.Second) // the clock of the bubble
		for range 3 {
			want("another window", Deny, true, BreakerClosed)
		}
		want("the fourth", Deny, true, BreakerOpen)
		want("open", Deny, false, BreakerOpen)
		time.Sleep(5*time.Second - time.Nanosecond)
		want("still open", Deny, false, BreakerOpen)
		time.Sleep(time.Nanosecond)
		want("a try that fails", Deny, true, BreakerOpen)
		want("open again", Deny, false, BreakerOpen)
		time.Sleep(5 * time.Second)
		broken = false
		want("a try that goes well", Pass, true, BreakerClosed)
		want("closed", Pass, true, BreakerClosed)
		broken = true
		want("one failure of a new window", Deny, true, BreakerClosed)
		for _, e := range states.get() {
			if e == BreakerHalfOpen {
				t.Error("told of half open")
			}
		}
		if got := len(states.get()); got != 3 {
			t.Errorf("told %v, want open, open, closed", states.get())
		}
		if n := set.Stats()[0].Points[AtPublish].Errors[KindBreaker]; n != 3 {
			t.Errorf("%d calls counted as not asked, want 3", n)
		}
	})
}

// TestBreakerRate: what fails less than the threshold goes on.
func TestBreakerRate(t *testing.T) {
	t.Parallel()
	n := 0
	set := must(t, Options{}, Hook{Name: "h", Engine: on(AtPublish, func(c *Call) {
		if n++; n%3 == 0 {
			c.Err = errors.New("x")
		}
	})})
	for range 1000 {
		one(set.Table("A"), AtPublish, "a")
	}
	if n != 1000 {
		t.Errorf("asked %d times, want 1000: a third of the calls may fail", n)
	}
}

// TestHalfOpenLetsOneIn: while one batch shows whether the hook works, the others
// are not asked.
func TestHalfOpenLetsOneIn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := breaker{BreakerOptions: BreakerOptions{MinCalls: 1}.withDefaults()}
		b.done(1, 1)
		if b.admit() {
			t.Fatal("open, and admits")
		}
		time.Sleep(b.Cooldown)
		if !b.admit() || b.admit() || b.State() != BreakerHalfOpen {
			t.Fatal("half open: want exactly one admitted")
		}
		if b.done(0, 0) || !b.admit() || b.admit() {
			t.Fatal("a batch that showed nothing: want one more admitted")
		}
		if !b.done(1, 0) || !b.admit() || !b.admit() {
			t.Fatal("closed: want all admitted")
		}
	})
}

// TestLate: answers that come late stand, are counted, and open the breaker.
func TestLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		set := must(t, Options{Breaker: BreakerOptions{MinCalls: 20}}, Hook{Name: "h", Engine: on(AtPublish, func(c *Call) {
			time.Sleep(100 * time.Millisecond)
			c.Out.Verdict = Allow
		})})
		allowed := 0
		var s Session
		for range 40 {
			c := &Call{Client: alice, Subject: []byte("a")}
			set.Table("A").Do(t.Context(), &s, AtPublish, []*Call{c})
			if c.Outcome.Verdict == Allow {
				allowed++
			}
		}
		st := set.Stats()[0]
		// All but the first few, which are not timed, are late.
		if allowed < 20 || allowed > 30 || st.Breaker != BreakerOpen || st.Points[AtPublish].Late < 10 {
			t.Errorf("allowed %d, breaker %v, late %d", allowed, st.Breaker, st.Points[AtPublish].Late)
		}
	})
}

// TestBreakerBatches: one batch that fails or comes late is one failure, however
// many calls it has, and a batch of which few calls fail is none.
func TestBreakerBatches(t *testing.T) {
	t.Parallel()
	b := breaker{BreakerOptions: BreakerOptions{}.withDefaults()}
	for range 30 {
		b.done(10, 5)
	}
	if b.mu.failed != 0 {
		t.Errorf("%d batches that half failed are failures", b.mu.failed)
	}
	for i := range 19 {
		if b.done(256, 256) || b.State() != BreakerClosed {
			t.Fatalf("after %d batches: %v", i+1, b.State())
		}
	}
	if !b.done(256, 256) || b.State() != BreakerOpen {
		t.Errorf("after 20 batches: %v", b.State())
	}
}
