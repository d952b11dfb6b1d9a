package lua

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"moonwire/hooks"
)

// batch returns calls with subjects.
func batch(subjects ...string) []*hooks.Call {
	calls := make([]*hooks.Call, len(subjects))
	for i, s := range subjects {
		calls[i] = &hooks.Call{Client: alice, Subject: []byte(s)}
	}
	return calls
}

// outcome is what became of a call, in a word.
func outcome(c *hooks.Call) string {
	if c.Err != nil {
		return kind(c.Err)
	}
	return c.Out.Verdict.String()
}

// TestBatch: each call of a batch has its own answer, and what one does is no
// harm to the others, even if it ruins the machine.
func TestBatch(t *testing.T) {
	t.Parallel()
	s := openWith(t, `hook.publish(function(req)
		local s = req.subject
		if s == "loop" then while true do end end
		if s == "rep" then return ("x"):rep(1e10) end
		if s == "error" then error("x") end
		if s == "bad" then return true end
		if s == "deny" then return deny("no") end
		if s == "allow" then return allow() end
	end)`, Options{Limits: Limits{VMs: 1}})
	subjects := []string{"allow", "loop", "deny", "rep", "x", "error", "allow", "bad", "rep", "deny", "loop"}
	want := []string{"allow", "budget", "deny", "memory", "pass", "runtime", "allow", "bad_reply", "memory", "deny", "budget"}
	for range 3 {
		calls := batch(subjects...)
		if err := s.Do(context.Background(), 0, calls); err != nil {
			t.Fatal(err)
		}
		for i, c := range calls {
			if got := outcome(c); got != want[i] {
				t.Errorf("%d, %s: got %s, %v; want %s", i, subjects[i], got, c.Err, want[i])
			}
		}
	}
	h := s.Instructions()
	if most := h.Counts[len(h.Counts)-3]; h.Count != 3*uint64(len(subjects)) || most != 6 || h.Sum < 6_000_000 {
		t.Errorf("instructions: got %+v", h)
	}
	if live, idle := s.fast.Size(); live != idle || live > 1 {
		t.Errorf("%d machines, %d idle", live, idle)
	}
}

// TestBatchEnds: what a batch has not done when its context ends has an error,
// what it has done stays.
func TestBatchEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(context.Background())
	s := openWith(t, `hook.publish(function(req)
		if req.subject == "cancel" then log.info("cancel") end
		for i = 1, 2000 do end
		return allow()
	end)`, Options{Log: recorder(func(string, []any) { cancel(errors.New("gone")) })})
	calls := batch("a", "cancel", "b", "c")
	if err := s.Do(ctx, 0, calls); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"allow", "allow", "runtime", "runtime"} {
		if got := outcome(calls[i]); got != want || i > 1 && !errors.Is(calls[i].Err, context.Canceled) {
			t.Errorf("%d: got %s, %v; want %s", i, got, calls[i].Err, want)
		}
	}
}

// TestBatchDeadline: what a batch has no time for is left unasked, but not all of it.
func TestBatchDeadline(t *testing.T) {
	t.Parallel()
	s := open(t, "hook.publish(function(req) for i = 1, 2000 do end return allow() end)")
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	calls := batch("a", "b", "c")
	if err := s.Do(ctx, 0, calls); err != nil {
		t.Fatal(err)
	}
	if outcome(calls[0]) != "allow" || calls[1].Err != hooks.ErrUnasked || calls[2].Err != hooks.ErrUnasked {
		t.Errorf("got %s, %v, %v", outcome(calls[0]), calls[1].Err, calls[2].Err)
	}
}

// TestBatchOfMuch: messages that come at one time are all decided, in their order,
// though it takes many times the timeout.
func TestBatchOfMuch(t *testing.T) {
	t.Parallel()
	s := open(t, `local n = 0
		hook.inspect(function(msg) for i = 1, 2000 do end n = n + 1 msg.payload = msg.subject .. n end)`)
	set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: s, Timeout: hooks.PerPoint[time.Duration]{}.All(time.Nanosecond)}}, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	calls := batch("a", "b", "c", "d", "e", "f", "g", "h")
	set.Table("A").Do(t.Context(), new(hooks.Session), hooks.AtInspect, calls)
	for i, want := range []string{"a1", "b2", "c3", "d4", "e5", "f6", "g7", "h8"} {
		if c := calls[i]; c.Outcome.Verdict != hooks.Replace || string(c.Payload) != want {
			t.Errorf("%d: got %v, %v, %q; want %q", i, c.Outcome, c.Err, c.Payload, want)
		}
	}
	st := set.Stats()[0]
	if p := &st.Points[hooks.AtInspect]; p.Calls[hooks.Replace] != 8 || p.Errors != [hooks.Kinds]uint64{} || p.Late > 1 {
		t.Errorf("counted: %+v", p)
	}
}

// TestNoMachine: who waits for a machine waits no longer than its context.
func TestNoMachine(t *testing.T) {
	t.Parallel()
	s := openWith(t, "hook.publish(function() end)", Options{Limits: Limits{VMs: 1}})
	vm, err := s.fast.Get(context.Background(), 0)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	if err := s.Do(ctx, 0, batch("a")); kind(err) != "timeout" {
		t.Errorf("got %v", err)
	}
	s.fast.Put(vm)
	if err := s.Do(context.Background(), 5, batch("a")); err == nil || !strings.Contains(err.Error(), "test.lua has no registration 5") {
		t.Errorf("another registration: got %v", err)
	}
}

// TestConcurrent: many connections at a time, each gets the answers to its own
// calls.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	s := openWith(t, `
		hook.publish(function(req) return deny(req.client.user .. " " .. req.subject) end)
		hook.rewrite(function(req) return req.client.user .. "." .. req.subject end)
		hook.connect(function(req) return allow{ user = req.user } end)
		hook.event("connect", function(ev) log.info(ev.client.user) end)
		hook.publish(function(req) while true do end end)`,
		Options{Log: recorder(func(string, []any) {}), Limits: Limits{VMs: 2, BlockingVMs: 2, Instructions: 10_000}})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			user := fmt.Sprint("u", g)
			client := &hooks.Client{ID: uint64(g % 3), User: user} // some have the slot of others
			for i := range 50 {
				subj := fmt.Sprint("s", i)
				calls := []*hooks.Call{{Client: client, Subject: []byte(subj)}, {Client: client, Subject: []byte("x")}}
				_ = s.Do(context.Background(), 0, calls)
				if got := calls[0].Out.Reason; got != user+" "+subj {
					t.Errorf("publish: got %q, %v", got, calls[0].Err)
				}
				_ = s.Do(context.Background(), 1, calls)
				if got := string(calls[1].Out.Subject); got != user+".x" {
					t.Errorf("rewrite: got %q, %v", got, calls[1].Err)
				}
				c := &hooks.Call{Client: client, Connect: &hooks.ConnectInfo{User: user}}
				_ = s.Do(context.Background(), 2, []*hooks.Call{c})
				if c.Err != nil || c.Out.Identity.User != user {
					t.Errorf("connect: got %+v, %v", c.Out.Identity, c.Err)
				}
				if i%10 == 0 {
					s.Notify(3, []hooks.Event{{Type: hooks.EventConnect, Client: client}})
					_ = s.Do(context.Background(), 4, calls[:1])
					if kind(calls[0].Err) != "budget" {
						t.Errorf("loop: got %v", calls[0].Err)
					}
				}
			}
		})
	}
	wg.Wait()
}
