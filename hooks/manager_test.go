package hooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// shop opens engines that answer with their version as the reason, and knows
// what became of them.
type shop struct {
	mu     sync.Mutex
	opened int
	open   map[string]bool
	events []string
	// closed gets the engines that are closed; nil if nobody waits for them.
	closed chan string
	// next is how the next engine is to be: nil works.
	next func(e *fake) error
}

func (s *shop) note(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, fmt.Sprintf(format, args...))
}

func (s *shop) running() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.open)
}

// probation waits for the end of the probation of h2, which has taken the place of h1,
// and returns which of them is at work: h1 after a second at most if that is to be back,
// or else h2.
func (s *shop) probation(t *testing.T, m *Manager, back bool) (at string) {
	t.Helper()
	began := time.Now()
	closed, took := <-s.closed, time.Since(began)
	if want := map[bool]string{true: "h2", false: "h1"}[back]; closed != want || back != (took <= time.Second) {
		t.Errorf("%s is closed after %v, want %s", closed, took, want)
	}
	at = map[bool]string{true: "h1", false: "h2"}[back]
	if got := answer(m); got != at {
		t.Errorf("answer of %q, want %q", got, at)
	}
	return at
}

func (s *shop) spec(name string) Spec {
	return Spec{Hook: Hook{Name: name}, Open: func(_ context.Context, old Engine) (Engine, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opened++
		version := fmt.Sprint(name, s.opened)
		e := on(AtPublish, say(Result{Verdict: Deny, Reason: version}))
		e.close = func(context.Context) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			if !s.open[version] {
				return errors.New("closed twice")
			}
			delete(s.open, version)
			if s.closed != nil {
				s.closed <- version
			}
			return nil
		}
		if s.next != nil {
			if err := s.next(e); err != nil {
				return nil, err
			}
		}
		if s.open == nil {
			s.open = make(map[string]bool)
		}
		s.open[version] = true
		return e, nil
	}}
}

// answer is the reason that the hooks of account A give.
func answer(m *Manager) string { return one(m.Table("A"), AtPublish, "a").Outcome.Reason }

func closing(t *testing.T, m *Manager) {
	t.Helper()
	if err := m.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestReload: a reload puts a new engine in the place of the old, which is kept
// through the probation and then closed.
func TestReload(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, s := context.Background(), new(shop)
		var swapped []*Set
		m := NewManager(ManagerOptions{Swap: func(set *Set) { swapped = append(swapped, set) }})
		if m.Table("A") != nil {
			t.Error("a table with nothing loaded")
		}
		if err := m.Load(ctx, []Spec{s.spec("h")}); err != nil {
			t.Fatal(err)
		}
		held := m.Table("A")
		if err := m.Reload(ctx, "h"); err != nil {
			t.Fatal(err)
		}
		for what, table := range map[string]*Table{"new": m.Table("A"), "held": held} {
			if got := one(table, AtPublish, "a").Outcome.Reason; got != "h2" {
				t.Errorf("the %s table asks %q, want h2", what, got)
			}
		}
		if len(swapped) != 2 || swapped[1] != m.Set() {
			t.Errorf("told of %d sets, want 2", len(swapped))
		}
		time.Sleep(30*time.Second - time.Nanosecond)
		synctest.Wait()
		if got := s.running(); got != "map[h1:true h2:true]" {
			t.Errorf("in probation: %s", got)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if got := s.running(); got != "map[h2:true]" {
			t.Errorf("after probation: %s", got)
		}
		closing(t, m)
		if got := s.running(); got != "map[]" {
			t.Errorf("after Close: %s", got)
		}
		if one(held, AtPublish, "a").Outcome.Verdict != Pass {
			t.Error("a table that is still held refuses after Close")
		}
		if err := m.Reload(ctx, "h"); !errors.Is(err, errClosed) {
			t.Errorf("Reload after Close: %v", err)
		}
		closing(t, m)
	})
}

// TestReloadRejected: whatever goes wrong, the old engine stays and the new one
// is closed.
func TestReloadRejected(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		next func(*fake) error
		want string
	}{
		"does not open": {func(*fake) error { return errors.New("h.lua:3: unexpected symbol") }, "h.lua:3: unexpected symbol"},
		"panics":        {func(*fake) error { panic("boom") }, "boom"},
		"bad subject": {func(e *fake) error {
			e.regs[0].Subjects = []string{"a..b"}
			return nil
		}, `"a..b" is not a valid subject`},
		"bad point": {func(e *fake) error {
			e.regs[0].Point = 99
			return nil
		}, "no such point"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, s := context.Background(), new(shop)
				m := NewManager(ManagerOptions{Swap: func(*Set) { s.note("swap") }})
				defer closing(t, m)
				if err := m.Load(ctx, []Spec{s.spec("other"), s.spec("h")}); err != nil {
					t.Fatal(err)
				}
				before := m.Set()
				s.next = tt.next
				err := m.Reload(ctx, "h")
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `"h"`) {
					t.Errorf("got %v, want something with %s", err, tt.want)
				}
				synctest.Wait()
				if got := s.running(); got != "map[h2:true other1:true]" || m.Set() != before || len(s.events) != 1 {
					t.Errorf("running %s, %d swaps", got, len(s.events))
				}
				if got := m.Set().Stats()[1].Reloads; got != [numReloadResults]uint64{ReloadOK: 1, ReloadRejected: 1} {
					t.Errorf("reloads: %v", got)
				}
				if got := m.Set().Stats()[0].Reloads; got != [numReloadResults]uint64{ReloadOK: 1} {
					t.Errorf("reloads of the other: %v", got)
				}
			})
		})
	}
	m := NewManager(ManagerOptions{})
	defer closing(t, m)
	if err := m.Reload(context.Background(), "h"); err == nil || !strings.Contains(err.Error(), `"h"`) {
		t.Errorf("reload of nothing: %v", err)
	}
	if err := m.Load(context.Background(), []Spec{{Hook: Hook{Name: "h"}}}); err == nil {
		t.Error("loaded what nothing opens")
	}
	if err := m.Load(context.Background(), []Spec{{Hook: Hook{Name: "h"}, Open: func(context.Context, Engine) (Engine, error) {
		return nil, nil
	}}}); err == nil || !strings.Contains(err.Error(), "no engine") {
		t.Errorf("loaded what opens to nothing: %v", err)
	}
	closed := false
	if err := m.Load(context.Background(), []Spec{{Hook: Hook{Name: "h"}, Open: func(context.Context, Engine) (Engine, error) {
		return panics{&closed}, nil
	}}}); err == nil || !closed {
		t.Errorf("an engine whose registrations panic: %v, closed %v", err, closed)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.turn <- struct{}{} // somebody else reloads
	cancel()
	if err := m.Load(ctx, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for another reload: %v", err)
	}
	<-m.turn
}

// TestHandover: the engine that is opened anew gets the old one, for its state.
func TestHandover(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testHandover)
}

func testHandover(t *testing.T) {
	start, ctx := time.Now(), context.Background()
	var got []Engine
	var made []Engine
	spec := Spec{Hook: Hook{Name: "h"}, Open: func(_ context.Context, old Engine) (Engine, error) {
		e := on(AtPublish, verdict(Pass))
		got, made = append(got, old), append(made, e)
		return e, nil
	}}
	m := NewManager(ManagerOptions{})
	for range 2 {
		if err := m.Load(ctx, []Spec{spec}); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Reload(ctx, "h"); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || got[0] != nil || got[1] != made[0] || got[2] != made[1] {
		t.Errorf("got %v of %v", got, made)
	}
	closing(t, m)
	if d := time.Since(start); d > 0 { // a probation ends with its engine
		t.Errorf("closed after %v", d)
	}
}

// TestLoad: engines whose version is as it was are kept, with new settings; what
// is gone is closed; off is not opened.
func TestLoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, s := context.Background(), new(shop)
		m := NewManager(ManagerOptions{Probation: -1})
		defer closing(t, m)
		with := func(name, version string, mode Mode) Spec {
			spec := s.spec(name)
			spec.Version, spec.Mode = version, mode
			return spec
		}
		for _, tt := range []struct {
			specs  []Spec
			want   string
			answer string
		}{
			{[]Spec{with("a", "1", Enforce), with("b", "1", Enforce)}, "map[a1:true b2:true]", "a1"},
			{[]Spec{with("b", "1", Enforce), with("a", "1", Enforce)}, "map[a1:true b2:true]", "b2"},
			{[]Spec{with("b", "1", Shadow), with("a", "1", Enforce)}, "map[a1:true b2:true]", "a1"},
			{[]Spec{with("b", "2", Enforce), with("a", "1", Enforce)}, "map[a1:true b3:true]", "b3"},
			{[]Spec{with("b", "2", Off), with("a", "1", Enforce)}, "map[a1:true]", "a1"},
			{[]Spec{with("b", "2", Enforce)}, "map[b4:true]", "b4"},
			{[]Spec{with("b", "", Enforce)}, "map[b5:true]", "b5"},
			{[]Spec{with("b", "", Enforce)}, "map[b6:true]", "b6"},
			{nil, "map[]", ""},
		} {
			if err := m.Load(ctx, tt.specs); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if got := s.running(); got != tt.want {
				t.Errorf("running %s, want %s", got, tt.want)
			}
			if got := answer(m); got != tt.answer {
				t.Errorf("answer of %q, want %q", got, tt.answer)
			}
		}
	})
}

// TestDrain: the old engine is closed when the last call that began before the
// reload has ended, and not before.
func TestDrain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, s := context.Background(), new(shop)
		m := NewManager(ManagerOptions{Probation: -1, Patience: time.Minute})
		hold := make(chan struct{})
		s.next = func(e *fake) error {
			e.do = func(_ context.Context, _ int, calls []*Call) error {
				<-hold
				calls[0].Out = Result{Verdict: Deny, Reason: "held"}
				return nil
			}
			return nil
		}
		if err := m.Load(ctx, []Spec{s.spec("h")}); err != nil {
			t.Fatal(err)
		}
		got := make(chan string)
		go func() { got <- answer(m) }()
		synctest.Wait()
		s.next = nil
		for range 2 { // the second has two sets to wait for
			if err := m.Reload(ctx, "h"); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if got := s.running(); got != "map[h1:true h2:true h3:true]" {
			t.Errorf("while a call is under way: %s", got)
		}
		if got := answer(m); got != "h3" {
			t.Errorf("meanwhile the answer is of %q", got)
		}
		close(hold)
		if got := <-got; got != "held" {
			t.Errorf("the call got %q", got)
		}
		synctest.Wait()
		if got := s.running(); got != "map[h3:true]" {
			t.Errorf("afterwards: %s", got)
		}
		closing(t, m)
	})
}

// TestPatience: a call that does not end does not keep the engine for ever, and
// neither does an engine that does not close.
func TestPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, s := context.Background(), new(shop)
		m := NewManager(ManagerOptions{Patience: 5 * time.Second, Background: func(hook string, err error) { s.note("%s: %v", hook, err) }})
		hold := make(chan struct{})
		s.next = func(e *fake) error {
			e.do = func(context.Context, int, []*Call) error { <-hold; return nil }
			e.close = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
			return nil
		}
		if err := m.Load(ctx, []Spec{s.spec("h")}); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() { answer(m) })
		synctest.Wait()
		start := time.Now()
		closing(t, m)
		if d := time.Since(start); d != 10*time.Second {
			t.Errorf("closed after %v, want 5s for the call and 5s for the engine", d)
		}
		want := []string{
			"h: waiting for calls of hooks to end: context deadline exceeded",
			`h: closing hook "h": context deadline exceeded`,
		}
		if diff := cmp.Diff(want, s.events); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		close(hold)
		wg.Wait()
	})
}

// TestRollback: an engine that fails much more than the one before is taken back
// during its probation.
func TestRollback(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		old, new int // failures of a hundred calls
		back     bool
	}{
		{"as before", 10, 10, false},
		{"twice and one", 10, 21, false},
		{"more than that", 10, 22, true},
		{"one of none", 0, 1, false},
		{"two of none", 0, 2, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, s := context.Background(), &shop{closed: make(chan string, 8)}
				m := NewManager(ManagerOptions{
					Options:    Options{Breaker: BreakerOptions{MinCalls: 1000}},
					Background: func(hook string, err error) { s.note("%s: %v", hook, err) },
				})
				fails := func(per int) func(*fake) error {
					return func(e *fake) error {
						n, do := 0, e.do
						e.do = func(ctx context.Context, reg int, calls []*Call) error {
							if n++; n <= per {
								return errors.New("x")
							}
							return do(ctx, reg, calls)
						}
						return nil
					}
				}
				hundred := func() {
					var calls []*Call
					for range 100 {
						calls = calls[:0]
						calls = append(calls, &Call{Client: alice, Subject: []byte("a")})
						m.Table("A").Do(ctx, new(Session), AtPublish, calls)
					}
				}
				s.next = fails(tt.old)
				spec := s.spec("h")
				spec.Version = "1"
				if err := m.Load(ctx, []Spec{spec}); err != nil {
					t.Fatal(err)
				}
				hundred()
				s.next = fails(tt.new)
				if err := m.Reload(ctx, "h"); err != nil {
					t.Fatal(err)
				}
				hundred()
				want := s.probation(t, m, tt.back)
				if told := len(s.events) == 1 && strings.Contains(s.events[0], "the version before is back"); told != tt.back {
					t.Errorf("told %q", s.events)
				}
				if got := s.running(); got != "map["+want+":true]" {
					t.Errorf("running %s, want %s", got, want)
				}
				back := m.Set().Stats()[0].Reloads[ReloadRolledBack]
				if back != map[bool]uint64{true: 1}[tt.back] {
					t.Errorf("%d rollbacks are counted", back)
				}
				// What was taken back is opened anew, what was not is kept.
				s.next = nil
				if err := m.Load(ctx, []Spec{spec}); err != nil {
					t.Fatal(err)
				}
				if tt.back {
					want = "h3"
				}
				if got := answer(m); got != want {
					t.Errorf("after the next load the answer is of %q, want %q", got, want)
				}
				closing(t, m)
				if got := s.running(); got != "map[]" {
					t.Errorf("after Close: %s", got)
				}
			})
		})
	}
}

// TestReloadIsTold: when a hook was replaced, or its version before is back, all
// hooks that are at work then are told, and find that it is so.
func TestReloadIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, s := context.Background(), new(shop)
		var m *Manager
		var told list[string]
		tells := func(e *fake) error {
			version := s.opened
			e.regs = append(e.regs, Registration{Point: AtEvent, Events: []string{EventReload}})
			e.notify = func(_ int, events []Event) {
				for _, ev := range events {
					if ev.Type != EventReload || ev.Time.IsZero() || ev.Client != nil {
						t.Errorf("got %+v", ev)
					}
					told.add(fmt.Sprintf("%d: %s; %s", version, ev.Reason, answer(m)))
				}
			}
			return nil
		}
		expect := func(what string, want ...string) {
			t.Helper()
			synctest.Wait()
			got := told.get()
			slices.Sort(got) // hooks do not wait for one another
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			told = list[string]{}
		}
		s.next = tells
		narrow := s.spec("b")
		narrow.Accounts = []string{"B"}
		m = NewManager(ManagerOptions{})
		if err := m.Load(ctx, []Spec{s.spec("a"), narrow}); err != nil {
			t.Fatal(err)
		}
		expect("a load")
		if err := m.Reload(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		expect("a reload", `2: hook "a"; a3`, `3: hook "a"; a3`)

		s.next = func(*fake) error { return errors.New("on purpose") }
		if err := m.Reload(ctx, "a"); err == nil {
			t.Error("it does not fail")
		}
		expect("a reload in vain")

		s.next = func(e *fake) error {
			e.do = func(context.Context, int, []*Call) error { return errors.New("x") }
			return tells(e)
		}
		if err := m.Reload(ctx, "a"); err != nil {
			t.Fatal(err)
		}
		expect("a bad one", `2: hook "a"; the hook failed: runtime`, `5: hook "a"; the hook failed: runtime`)
		for range 20 {
			answer(m)
		}
		time.Sleep(time.Second)
		expect("a rollback", `2: hook "a": the version before is back; a3`, `3: hook "a": the version before is back; a3`)
		closing(t, m)
		expect("the end")
	})
}

// TestReloadUnderLoad: while connections ask, reloads lose no call and never let
// a call reach a closed engine.
func TestReloadUnderLoad(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var closedAsked atomic.Int64
	open := func(context.Context, Engine) (Engine, error) {
		var closed atomic.Bool
		e := on(AtPublish, func(c *Call) {
			if closed.Load() {
				closedAsked.Add(1)
			}
			c.Out = Result{Verdict: Allow}
		})
		e.close = func(context.Context) error { closed.Store(true); return nil }
		return e, nil
	}
	m := NewManager(ManagerOptions{Probation: -1, Patience: time.Minute})
	if err := m.Load(ctx, []Spec{{Hook: Hook{Name: "h"}, Open: open}}); err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var wg sync.WaitGroup
	asked := make(chan struct{}, 4)
	for i := range 4 {
		wg.Go(func() {
			s, client := new(Session), &Client{ID: uint64(i), Account: "A"}
			table := m.Table("A")
			for n := 0; !stop.Load(); n++ {
				c := NewCall()
				c.Client, c.Subject = client, []byte("a")
				table.Do(ctx, s, AtPublish, []*Call{c})
				if c.Outcome.Verdict != Allow {
					t.Errorf("got %v", c.Outcome)
					stop.Store(true)
				}
				c.Done()
				if n%16 == 0 { // else the table of long ago
					table = m.Table("A")
				}
				if n == 100 {
					asked <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		<-asked
	}
	for range 50 {
		if err := m.Reload(ctx, "h"); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	wg.Wait()
	closing(t, m)
	if n := closedAsked.Load(); n > 0 {
		t.Errorf("%d calls reached a closed engine", n)
	}
}
