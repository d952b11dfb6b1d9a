package hooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestShadow: a hook in shadow mode changes nothing, sees the message as the
// others left it, and is counted for what it would have done.
func TestShadow(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var seen list[string]
		set := must(t, Options{},
			Hook{Name: "shadow", Mode: Shadow, Engine: on(AtInspect, func(c *Call) {
				seen.add(fmt.Sprintf("%s %s", c.Subject, c.Payload))
				switch string(c.Subject) {
				case "drop":
					c.Out.Verdict = Drop
				case "fail":
					c.Err = errors.New("x")
				case "bad":
					c.Out.Verdict = Allow
				}
			})},
			Hook{Name: "real", Engine: on(AtInspect, func(c *Call) {
				if c.Out = (Result{Verdict: Replace, Payload: []byte("new")}); string(c.Subject) == "deny" {
					c.Out = Result{Verdict: Deny}
				}
			})},
		)
		var calls []*Call
		buf := []byte("old")
		for _, s := range []string{"drop", "fail", "bad", "ok", "deny"} {
			calls = append(calls, &Call{Client: alice, Subject: []byte(s), Payload: buf})
		}
		set.Table("A").Do(context.Background(), new(Session), AtInspect, calls)
		for i, c := range calls {
			want := Replace
			if i == 4 {
				want = Deny
			}
			if c.Outcome.Verdict != want {
				t.Errorf("%s: got %v, want %v", c.Subject, c.Outcome.Verdict, want)
			}
			clear(c.Subject) // the read buffer is used again
		}
		clear(buf)
		synctest.Wait()
		if diff := cmp.Diff([]string{"drop new", "fail new", "bad new", "ok new", "deny old"}, seen.get()); diff != "" {
			t.Errorf("seen (-want +got):\n%s", diff)
		}
		st := set.Stats()[0].Points[AtInspect]
		if want := ([numVerdicts]uint64{Pass: 2, Drop: 3}); st.Shadow != want || st.Calls != [numVerdicts]uint64{} {
			t.Errorf("would have said %v, want %v; said %v", st.Shadow, want, st.Calls)
		}
		if want := ([numKinds]uint64{KindRuntime: 1, KindBadReply: 1}); st.Errors != want {
			t.Errorf("errors %v, want %v", st.Errors, want)
		}
	})
}

// TestShadowDecisions: what would have been decided is told by the rules for what is
// decided, marked, and not by who asks.
func TestShadowDecisions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		sampling Sampling
		want     []string
	}{
		"none":   {Sampling{}, nil},
		"denied": {Sampling{Denied: 1}, []string{"drop drop no", "fail pass the hook failed: runtime", "large pass the hook failed: oversize"}},
		"others": {Sampling{Sample: 1}, []string{"pass pass "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var told []string
				asked := make(chan struct{})
				o := Options{Sampling: tt.sampling, Observer: Observer{Decision: func(d Decision) {
					<-asked // for ever, if it is who asks that comes here
					if d.Hook != "h" || d.Point != AtInspect || d.Mode != Shadow || d.Client != alice || d.Cached {
						t.Errorf("got %+v", d)
					}
					if failed := d.Err != nil; failed != (string(d.Subject) == "fail" || string(d.Subject) == "large") {
						t.Errorf("%s: error %v", d.Subject, d.Err)
					}
					told = append(told, fmt.Sprintf("%s %v %s", d.Subject, d.Verdict, d.Reason))
				}}}
				e := at(Registration{Point: AtInspect, MaxPayload: 10}, func(c *Call) {
					switch string(c.Subject) {
					case "drop":
						c.Out = Result{Verdict: Drop, Reason: "no"}
					case "fail":
						c.Err = errors.New("x")
					}
				})
				set := must(t, o, Hook{Name: "h", Mode: Shadow, OnError: PerPoint[OnError]{}.All(OnErrorAllow), Engine: e})
				var calls []*Call
				for _, s := range []string{"pass", "drop", "fail", "large"} {
					calls = append(calls, &Call{Client: alice, Subject: []byte(s), Payload: []byte("old"), Size: 6 * (len(s) - 3)})
				}
				set.Table("A").Do(context.Background(), new(Session), AtInspect, calls)
				for _, c := range calls {
					clear(c.Subject) // the read buffer is used again
					if c.Outcome.Verdict != Pass {
						t.Errorf("the outcome is %v", c.Outcome.Verdict)
					}
				}
				close(asked)
				synctest.Wait()
				slices.Sort(told) // what is too large is told of before the batch is asked about
				if diff := cmp.Diff(tt.want, told); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

// TestShadowQueue: a slow hook in shadow mode holds nobody up and not much memory.
func TestShadowQueue(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		o       Options
		payload int
		dropped uint64
	}{
		"calls": {Options{ShadowQueue: 10}, 0, 89},
		"bytes": {Options{ShadowBytes: 1000}, 99, 89},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				hold, first := make(chan struct{}), true
				set := must(t, tt.o, Hook{Name: "h", Mode: Shadow, Engine: on(AtInspect, func(*Call) {
					if first {
						first = false
						<-hold
					}
				})})
				ask := func() {
					c := &Call{Client: alice, Subject: []byte("a"), Payload: make([]byte, tt.payload)}
					set.Table("A").Do(context.Background(), new(Session), AtInspect, []*Call{c})
				}
				ask()
				synctest.Wait() // the hook has the first
				for range 99 {
					ask()
				}
				close(hold)
				synctest.Wait()
				st := set.Stats()[0]
				if st.ShadowDropped != tt.dropped || st.Points[AtInspect].Shadow[Pass] != 100-tt.dropped {
					t.Errorf("dropped %d, asked about %d", st.ShadowDropped, st.Points[AtInspect].Shadow[Pass])
				}
			})
		})
	}
}

// TestShadowBreaker: a broken hook in shadow mode is left alone like others.
func TestShadowBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		set := must(t, Options{Breaker: BreakerOptions{MinCalls: 5}}, Hook{Name: "h", Mode: Shadow, Engine: on(AtPublish, func(c *Call) {
			asked++
			c.Err = errors.New("x")
		})})
		for range 20 {
			one(set.Table("A"), AtPublish, "a")
			synctest.Wait()
		}
		if st := set.Stats()[0]; asked != 5 || st.Points[AtPublish].Errors[KindBreaker] != 15 || st.Points[AtPublish].Shadow[Deny] != 20 {
			t.Errorf("asked %d times: %+v", asked, st.Points[AtPublish])
		}
	})
}

// TestShadowOversize: what is larger than the hook takes does not reach it in
// shadow mode either.
func TestShadowOversize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		e := at(Registration{Point: AtInspect, MaxPayload: 10}, func(*Call) { asked++ })
		set := must(t, Options{}, Hook{Name: "h", Mode: Shadow, Engine: e})
		calls := []*Call{{Client: alice, Subject: []byte("a"), Size: 10}, {Client: alice, Subject: []byte("a"), Size: 11}}
		set.Table("A").Do(context.Background(), new(Session), AtInspect, calls)
		synctest.Wait()
		st := set.Stats()[0].Points[AtInspect]
		if asked != 1 || st.Shadow[Drop] != 1 || st.Shadow[Pass] != 1 || st.Errors[KindOversize] != 1 {
			t.Errorf("asked %d times, counted %v %v", asked, st.Shadow, st.Errors)
		}
	})
}

// TestEvents: hooks are told of what they asked for, in order, without being
// waited for.
func TestEvents(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hold := make(chan struct{})
		var told list[string]
		e := &fake{
			regs: []Registration{
				{Point: AtEvent, Events: []string{EventConnect, EventDisconnect}},
				{Point: AtEvent, Accounts: []string{"A"}},
			},
			notify: func(reg int, events []Event) {
				<-hold
				for _, ev := range events {
					if ev.Reason == "panic" {
						panic(ev.Reason)
					}
					told.add(fmt.Sprint(reg, ev.Type, ev.Reason))
				}
			},
		}
		set := must(t, Options{EventQueue: 4}, Hook{Name: "h", Engine: e})
		set.Table("A").Notify(Event{Type: EventSubscribe, Reason: "1"})
		synctest.Wait() // which holds the worker
		set.Table("B").Notify(Event{Type: EventSubscribe, Reason: "2"})
		set.Table("B").Notify(Event{Type: EventConnect, Reason: "3"})
		set.Table("A").Notify(Event{Type: EventConnect, Reason: "4"})
		set.Table("B").Notify(Event{Type: EventDisconnect, Reason: "panic"})
		set.Table("B").Notify(Event{Type: EventDisconnect, Reason: "5"}) // no room
		close(hold)
		synctest.Wait()
		set.Table("B").Notify(Event{Type: EventConnect, Reason: "6"})
		synctest.Wait()
		want := []string{"1subscribe1", "0connect3", "0connect4", "1connect4", "0connect6"}
		if diff := cmp.Diff(want, told.get()); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		st := set.Stats()[0]
		if st.Events != 6 || st.EventsDropped != 1 || st.Points[AtEvent].Errors[KindRuntime] != 1 {
			t.Errorf("counted %d events, %d dropped, errors %v", st.Events, st.EventsDropped, st.Points[AtEvent].Errors)
		}
		if !set.Table("A").Has(AtEvent) || set.Table("A").Has(AtPublish) {
			t.Error("Has is wrong")
		}
	})
}

// TestCloseWaits: what waits in the queues is done before an engine is closed,
// unless that takes too long.
func TestCloseWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		told, closed := 0, -1
		e := &fake{regs: []Registration{{Point: AtEvent}}}
		e.notify = func(_ int, events []Event) { time.Sleep(time.Second); told += len(events) }
		e.close = func(context.Context) error { closed = told; return nil }
		set, err := Compile([]Hook{{Name: "h", Engine: e}}, Options{})
		if err != nil {
			t.Fatal(err)
		}
		table := set.Table("A")
		table.Notify(Event{Type: EventConnect})
		synctest.Wait()
		table.Notify(Event{Type: EventConnect})
		if err := set.Close(context.Background()); err != nil || closed != 2 {
			t.Errorf("closed after %d events (%v), want 2", closed, err)
		}
		table.Notify(Event{Type: EventConnect})
		if n := set.Stats()[0].EventsDropped; n != 1 {
			t.Errorf("%d events dropped after Close, want 1", n)
		}

		hold := make(chan struct{})
		e = &fake{regs: []Registration{{Point: AtEvent}}, notify: func(int, []Event) { <-hold }}
		if set, err = Compile([]Hook{{Name: "h", Engine: e}}, Options{}); err != nil {
			t.Fatal(err)
		}
		set.Table("A").Notify(Event{Type: EventConnect})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := set.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("closing with a hook that hangs: %v", err)
		}
		close(hold)
	})
}
