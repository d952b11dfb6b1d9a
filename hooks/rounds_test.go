package hooks

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// few returns an engine that gets on by so many calls at a time, each of which takes
// a time, and denies those on "no".
func few(p Point, n int, each time.Duration, asked *list[string]) *fake {
	e := on(p, nil)
	e.do = func(_ context.Context, _ int, calls []*Call) error {
		for i, c := range calls {
			if i >= n {
				c.Err = ErrUnasked
				continue
			}
			time.Sleep(each)
			asked.add(string(c.Subject))
			if string(c.Subject) == "no" {
				c.Out = Result{Verdict: Deny}
			}
		}
		return nil
	}
	return e
}

// TestRounds: calls that an engine did not get to are asked again, until it no
// longer gets on; what then is left fails.
func TestRounds(t *testing.T) {
	t.Parallel()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	for _, tt := range []struct {
		name   string
		ctx    context.Context
		few    int
		each   time.Duration
		asked  string
		want   string // verdicts
		failed uint64 // by the timeout
		late   uint64
	}{
		{"all at once", t.Context(), 9, 0, "[a no b c no]", "[pass deny pass pass deny]", 0, 0},
		{"one at a time", t.Context(), 1, 0, "[a no b c no]", "[pass deny pass pass deny]", 0, 0},
		{"two at a time, that take all the time", t.Context(), 2, 40 * time.Millisecond, "[a no b c no]", "[pass deny pass pass deny]", 0, 0},
		{"all, too late", t.Context(), 9, 40 * time.Millisecond, "[a no b c no]", "[pass deny pass pass deny]", 0, 1},
		{"none", t.Context(), 0, 0, "[]", "[deny deny deny deny deny]", 5, 0},
		{"whose client is gone", gone, 2, 0, "[a no]", "[pass deny deny deny deny]", 3, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked list[string]
				set := must(t, Options{Breaker: BreakerOptions{MinCalls: 2}}, Hook{Name: "h", Engine: few(AtPublish, tt.few, tt.each, &asked)})
				ctx := tt.ctx
				s := new(Session)
				s.turn = 7 // the next is timed
				var calls []*Call
				for _, subj := range []string{"a", "no", "b", "c", "no"} {
					calls = append(calls, &Call{Client: alice, Subject: []byte(subj)})
				}
				set.Table("A").Do(ctx, s, AtPublish, calls)
				var verdicts []Verdict
				for _, c := range calls {
					verdicts = append(verdicts, c.Outcome.Verdict)
				}
				if got := fmt.Sprint(asked.get()); got != tt.asked {
					t.Errorf("asked about %s, want %s", got, tt.asked)
				}
				if got := fmt.Sprint(verdicts); got != tt.want {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				st := set.Stats()[0]
				if p := st.Points[AtPublish]; p.Errors[KindTimeout] != tt.failed || p.Late != tt.late || st.Breaker != BreakerClosed {
					t.Errorf("%d failed, %d late, breaker %v; want %d, %d, closed", p.Errors[KindTimeout], p.Late, st.Breaker, tt.failed, tt.late)
				}
			})
		})
	}
}

// TestRoundsOpenTheBreaker: an engine that gets on, but fails for all that it is
// asked, is left alone with the rest.
func TestRoundsOpenTheBreaker(t *testing.T) {
	t.Parallel()
	asked := 0
	e := on(AtPublish, nil)
	e.do = func(_ context.Context, _ int, calls []*Call) error {
		for _, c := range calls[1:] {
			c.Err = ErrUnasked
		}
		asked++
		return errors.New("x")
	}
	set := must(t, Options{Breaker: BreakerOptions{MinCalls: 3}}, Hook{Name: "h", Engine: e})
	var calls []*Call
	for range 10 {
		calls = append(calls, &Call{Client: alice, Subject: []byte("a")})
	}
	set.Table("A").Do(t.Context(), new(Session), AtPublish, calls)
	p := set.Stats()[0].Points[AtPublish]
	if asked != 3 || p.Errors[KindRuntime] != 3 || p.Errors[KindBreaker] != 7 || p.Calls[Deny] != 10 {
		t.Errorf("asked %d times: %+v", asked, p)
	}
}

// TestShadowRounds: so it is in shadow mode, where it counts for what it would be.
func TestShadowRounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked list[string]
		decided := make(chan Decision, 5)
		o := Options{Sampling: Sampling{Sample: 1, Denied: 1}, Observer: Observer{Decision: func(d Decision) { decided <- d }}}
		set := must(t, o, Hook{Name: "h", Mode: Shadow, Engine: few(AtPublish, 2, 40*time.Millisecond, &asked)})
		var calls []*Call
		for _, subj := range []string{"a", "no", "b", "c", "no"} {
			calls = append(calls, &Call{Client: alice, Subject: []byte(subj)})
		}
		set.Table("A").Do(t.Context(), new(Session), AtPublish, calls)
		for range calls {
			<-decided
		}
		synctest.Wait()
		p := set.Stats()[0].Points[AtPublish]
		if got := fmt.Sprint(asked.get()); got != "[a no b c no]" || p.Shadow[Pass] != 3 || p.Shadow[Deny] != 2 || p.Errors != [Kinds]uint64{} {
			t.Errorf("asked about %s: %+v", got, p)
		}
	})
}
