package hooks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// failures are the ways in which a hook has no answer, at a point.
func failures(p Point) map[string]struct {
	kind Kind
	do   func(ctx context.Context, calls []*Call) error
} {
	type failure = struct {
		kind Kind
		do   func(ctx context.Context, calls []*Call) error
	}
	bad := func(r Result) failure {
		return failure{KindBadReply, func(_ context.Context, calls []*Call) error {
			calls[0].Out = r
			return nil
		}}
	}
	fails := func(k Kind, err error) failure {
		return failure{k, func(context.Context, []*Call) error { return err }}
	}
	all := map[string]failure{
		"error":      fails(KindRuntime, errors.New("attempt to index a nil value")),
		"budget":     fails(KindBudget, &Error{KindBudget, errors.New("1000000 instructions")}),
		"memory":     fails(KindMemory, fmt.Errorf("at line 3: %w", &Error{KindMemory, errors.New("8 MiB")})),
		"transport":  fails(KindTransport, &Error{KindTransport, errors.New("connection reset")}),
		"no kind":    fails(KindRuntime, &Error{Kind(99), errors.New("of another time")}),
		"panic":      {KindRuntime, func(context.Context, []*Call) error { panic("index out of range") }},
		"timeout":    {KindTimeout, func(ctx context.Context, _ []*Call) error { <-ctx.Done(); return ctx.Err() }},
		"call error": {KindRuntime, func(_ context.Context, calls []*Call) error { calls[0].Err = errors.New("no"); return nil }},
		"allowed, then panicked": {KindRuntime, func(_ context.Context, calls []*Call) error {
			calls[0].Out.Verdict = Allow
			panic("late")
		}},
		"unknown verdict": bad(Result{Verdict: 77}),
	}
	for v := range Verdict(numVerdicts) {
		if !may[p][v] {
			all[v.String()+" is no answer"] = bad(Result{Verdict: v})
		}
	}
	switch p {
	case AtConnect:
		all["bad permission"] = bad(Result{Verdict: Allow, Identity: &Identity{Permissions: &Permissions{Publish: Rules{Allow: []string{"a..b"}}}}})
		all["queue in publish"] = bad(Result{Verdict: Allow, Identity: &Identity{Permissions: &Permissions{Publish: Rules{Deny: []string{"a q"}}}}})
		all["two blanks"] = bad(Result{Verdict: Allow, Identity: &Identity{Permissions: &Permissions{Subscribe: Rules{Allow: []string{"a b c"}}}}})
		all["negative limit"] = bad(Result{Verdict: Allow, Identity: &Identity{Limits: Limits{MaxPayload: -1}}})
	case AtRewrite:
		for name, s := range map[string]string{
			"empty": "", "wildcard": "a.*", "tail": "a.>", "empty token": "a..b", "blank": "a b", "end of line": "a\r\nPUB b 0",
			"long": strings.Repeat("a", mostSubject+1),
		} {
			all["subject: "+name] = bad(Result{Verdict: Replace, Subject: []byte(s)})
		}
	case AtInspect:
		all["over max_payload"] = bad(Result{Verdict: Replace, Payload: make([]byte, 101)})
		all["with header over max_payload"] = bad(Result{Verdict: Replace, Payload: make([]byte, 90)})
		all["changes the subject"] = bad(Result{Verdict: Replace, Subject: []byte("b"), Payload: []byte("x")})
		all["header without a start"] = bad(Result{Verdict: Replace, Header: []byte("A: b\r\n\r\n")})
		all["header without an end"] = bad(Result{Verdict: Replace, Header: []byte("NATS/1.0\r\nA: b\r\n")})
		all["header with two ends"] = bad(Result{Verdict: Replace, Header: []byte("NATS/1.0\r\n\r\nA: b\r\n\r\n")})
	}
	return all
}

// TestFailures shows what becomes of a call at each point, for each failure and
// each on_error.
func TestFailures(t *testing.T) {
	t.Parallel()
	outcome := map[Point]map[OnError]Verdict{
		AtConnect:   {OnErrorDefault: Deny, OnErrorDeny: Deny, OnErrorAllow: Allow, OnErrorSkip: Deny},
		AtRewrite:   {OnErrorDefault: Deny, OnErrorDeny: Deny, OnErrorAllow: Pass, OnErrorSkip: Pass},
		AtPublish:   {OnErrorDefault: Deny, OnErrorDeny: Deny, OnErrorAllow: Allow, OnErrorSkip: Pass},
		AtSubscribe: {OnErrorDefault: Deny, OnErrorDeny: Deny, OnErrorAllow: Allow, OnErrorSkip: Pass},
		AtInspect:   {OnErrorDefault: Drop, OnErrorDeny: Deny, OnErrorAllow: Pass, OnErrorSkip: Pass, OnErrorDrop: Drop},
	}
	for p, settings := range outcome {
		for name, f := range failures(p) {
			for o, want := range settings {
				t.Run(fmt.Sprintf("%v/%s/%v", p, name, o), func(t *testing.T) {
					t.Parallel()
					e := &fake{regs: []Registration{{Point: p}}, do: func(ctx context.Context, _ int, calls []*Call) error {
						return f.do(ctx, calls)
					}}
					var told list[Failure]
					set := must(t, Options{Observer: Observer{Failure: func(f Failure) { told.add(f) }}}, Hook{
						Name: "h", Engine: e,
						OnError: PerPoint[OnError]{}.All(OnErrorDefault).with(p, o),
						Timeout: PerPoint[time.Duration]{}.All(5 * time.Millisecond),
					})
					header := []byte("NATS/1.0\r\nA: b\r\n\r\n")
					c := &Call{
						Client: alice, Subject: []byte("a"), Header: header, Payload: []byte("p"),
						MaxPayload: 100, Connect: new(ConnectInfo),
					}
					set.Table("A").Do(context.Background(), new(Session), p, []*Call{c})

					if c.Outcome.Verdict != want {
						t.Errorf("got %v (%s), want %v", c.Outcome.Verdict, c.Outcome.Reason, want)
					}
					if string(c.Subject) != "a" || string(c.Payload) != "p" || string(c.Header) != string(header) || c.Outcome.Identity != nil {
						t.Errorf("the call was changed: %q %q %q %+v", c.Subject, c.Header, c.Payload, c.Outcome.Identity)
					}
					st := set.Stats()[0]
					var kinds [numKinds]uint64
					kinds[f.kind] = 1
					if diff := cmp.Diff(kinds, st.Points[p].Errors); diff != "" {
						t.Errorf("errors (-want +got):\n%s", diff)
					}
					if got := told.get(); len(got) != 1 || got[0].Kind != f.kind || got[0].Hook != "h" || got[0].Point != p {
						t.Errorf("told %+v, want one %v", got, f.kind)
					} else if f.kind == KindTimeout && got[0].Err.Error() != "timeout: no answer within 5ms" {
						t.Errorf("told of %v", got[0].Err)
					}
				})
			}
		}
	}
}

func (s PerPoint[T]) with(p Point, v T) PerPoint[T] {
	s[p] = v
	return s
}

// TestOversize: a message that is larger than the hook takes is a failure, and
// the hook does not see it.
func TestOversize(t *testing.T) {
	t.Parallel()
	asked := 0
	set := must(t, Options{}, Hook{Name: "h", Engine: at(Registration{Point: AtInspect, MaxPayload: 10}, func(*Call) { asked++ })})
	for size, want := range map[int]Verdict{10: Pass, 11: Drop} {
		c := &Call{Client: alice, Subject: []byte("a"), Size: size}
		set.Table("A").Do(context.Background(), new(Session), AtInspect, []*Call{c})
		if c.Outcome.Verdict != want {
			t.Errorf("%d bytes: got %v, want %v", size, c.Outcome.Verdict, want)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times, want 1", asked)
	}
}

// TestOversizeIsNobodysFault: an engine that finds a message too large does not
// work badly, or a client could have its breaker opened for everybody.
func TestOversizeIsNobodysFault(t *testing.T) {
	t.Parallel()
	set := must(t, Options{Breaker: BreakerOptions{MinCalls: 1}}, Hook{Name: "h", Engine: on(AtInspect, func(c *Call) {
		c.Err = &Error{KindOversize, errors.New("too large with what I add")}
	})})
	c := one(set.Table("A"), AtInspect, "a")
	st := set.Stats()[0]
	if c.Outcome.Verdict != Drop || st.Points[AtInspect].Errors[KindOversize] != 1 || st.Breaker != BreakerClosed {
		t.Errorf("got %+v, %+v, breaker %v", c.Outcome, st.Points[AtInspect].Errors, st.Breaker)
	}
}

// TestFailureIsOneCalls: what one call of a batch fails for does not concern the
// others.
func TestFailureIsOneCalls(t *testing.T) {
	t.Parallel()
	set := must(t, Options{}, Hook{Name: "h", Engine: on(AtPublish, func(c *Call) {
		if c.Out.Verdict = Allow; string(c.Subject) == "b" {
			c.Err = errors.New("no")
		}
	})})
	calls := []*Call{
		{Client: alice, Subject: []byte("a")}, {Client: alice, Subject: []byte("b")}, {Client: alice, Subject: []byte("c")},
	}
	set.Table("A").Do(context.Background(), new(Session), AtPublish, calls)
	for i, want := range []Verdict{Allow, Deny, Allow} {
		if got := calls[i].Outcome.Verdict; got != want {
			t.Errorf("call %d: got %v, want %v", i, got, want)
		}
	}
}

// TestCanceled: a connection that ends while its hook is at work says nothing
// against the hook.
func TestCanceled(t *testing.T) {
	t.Parallel()
	set := must(t, Options{Breaker: BreakerOptions{MinCalls: 1}}, Hook{Name: "h", Engine: &fake{
		regs: []Registration{{Point: AtConnect}},
		do:   func(ctx context.Context, _ int, _ []*Call) error { <-ctx.Done(); return ctx.Err() },
	}})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	c := &Call{Client: alice, Connect: new(ConnectInfo)}
	set.Table("").Do(ctx, new(Session), AtConnect, []*Call{c})
	st := set.Stats()[0]
	if c.Outcome.Verdict != Deny || st.Points[AtConnect].Errors[KindCanceled] != 1 || st.Breaker != BreakerClosed {
		t.Errorf("got %+v, %+v, breaker %v", c.Outcome, st.Points[AtConnect].Errors, st.Breaker)
	}
}
