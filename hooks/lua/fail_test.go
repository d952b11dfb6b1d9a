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
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// bodies fail, each in its way. They hold for hostile scripts too.
var bodies = []struct{ name, body, kind, text string }{
	{"error", "error('broken')", "runtime", "test.lua:2: broken"},
	{"error object", "error({})", "runtime", "the error is a table"},
	{"nil", "return req.nothing.x", "runtime", "test.lua:2: reading "},
	{"loop", "while true do end", "budget", "test.lua:2: the script used up its instructions"},
	{"loop in pcall", "while true do pcall(function() while true do end end) end", "budget", "the script used up its instructions"},
	{"recursion", "local function f() return 1 + f() end f()", "runtime", "test.lua:2: stack overflow"},
	{"rep", "return ('x'):rep(1e10)", "memory", "test.lua:2: the script used up its memory"},
	{"concat", "local s = 'x' while true do s = s .. s end", "memory", "the script used up its memory"},
	{"table", "local t = {} for i = 1, 1e9 do t['k' .. i] = i end", "memory", "the script used up its memory"},
	{"backtracking", "return ('a'):rep(40):find(('a*'):rep(20) .. 'b')", "budget", "the script used up its instructions"},
	{"global", "x = 1", "runtime", "test.lua:2: cannot set global x"},
	{"read-only request", "req.client = 1", "runtime", "client is read-only"},
	{"read-only config", "config.x = 1", "runtime", "read-only"},
	{"read-only hook", "hook.publish = 1", "runtime", "read-only"},
	{"late registration", "hook.publish(function() end)", "runtime", "test.lua:2: hook.publish: functions are registered at the top level"},
	{"late version", "hook.version('1')", "runtime", "hook.version: the version is set at the top level"},
	{"late require", "require('nothing')", "runtime", "modules are loaded at the top level"},
	{"unknown field", "return req.clinet", "runtime", `did you mean "client"?`},
	{"unknown field of a client", "return req.client.acount", "runtime", "acount"},
	{"number as key", "return req[1]", "runtime", "the name of a field is a string"},
}

// TestFailures: each kind of failure at each point has its kind, its line and no
// answer, and the next call of the script works.
func TestFailures(t *testing.T) {
	t.Parallel()
	for _, p := range asking {
		for _, b := range bodies {
			t.Run(fmt.Sprint(p, "/", b.name), func(t *testing.T) {
				t.Parallel()
				s := openWith(t, fmt.Sprintf("hook.%[1]v(function(req)\n%[2]s end)\nhook.%[1]v(function() return deny('fine') end)", p, b.body),
					Options{Limits: Limits{VMs: 1, BlockingVMs: 1, Instructions: 200_000, Memory: 1 << 20}})
				c := ask(t, s, callAt(p))
				if kind(c.Err) != b.kind || c.Out.Verdict != hooks.Pass {
					t.Fatalf("got %v, %v; want %s", c.Out.Verdict, c.Err, b.kind)
				}
				if !strings.Contains(c.Err.Error(), b.text) || strings.Contains(c.Err.Error(), "\n") {
					t.Errorf("got %q, want %q in one line", c.Err, b.text)
				}
				calls := []*hooks.Call{callAt(p)}
				if err := s.Do(context.Background(), 1, calls); err != nil || calls[0].Out.Reason != "fine" {
					t.Errorf("afterwards: %v, %+v", err, calls[0])
				}
			})
		}
	}
}

// TestTimeout: a call that takes too long is a timeout, at each point.
func TestTimeout(t *testing.T) {
	t.Parallel()
	for _, p := range asking {
		var clock lapse
		s := openWith(t, fmt.Sprintf("hook.%v(function() for i = 1, 1e5 do end end)", p), Options{
			Clock: clock.now, Timeout: hooks.PerPoint[time.Duration]{}.All(time.Second),
		})
		clock.step(time.Second)
		c := ask(t, s, callAt(p))
		if kind(c.Err) != "timeout" || !strings.Contains(c.Err.Error(), "test.lua:1: the script ran too long") {
			t.Errorf("%v: got %v", p, c.Err)
		}
	}
}

// lapse is a clock that goes on by a step at each look.
type lapse struct {
	mu   sync.Mutex
	at   time.Time
	each time.Duration
}

func (l *lapse) now() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at = l.at.Add(l.each)
	return l.at
}

func (l *lapse) step(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.each = d
}

// TestTraceback: what a failure says is one line; the functions that were at work
// are told to those who ask.
func TestTraceback(t *testing.T) {
	t.Parallel()
	c := answerTo(t, hooks.AtPublish, "local function inner() error('x') end inner()")
	if got := Traceback(c.Err); !strings.Contains(got, "test.lua:2") || strings.Contains(c.Err.Error(), "traceback") {
		t.Errorf("got %q and %q", got, c.Err)
	}
	if got := Traceback(errors.New("x")); got != "" {
		t.Errorf("another error: %q", got)
	}
}

// waiting is a library with a function that waits, as one that asks others does.
func waiting(entered chan<- struct{}) *library.Module {
	return &library.Module{Name: "wait", Waits: true, Functions: []library.Function{{
		Name: "forever", Do: func(a *sandbox.Args) error {
			ctx := library.CallerOf(a).Context()
			entered <- struct{}{}
			<-ctx.Done()
			return context.Cause(ctx)
		},
	}}}
}

const waitingScript = `local wait = require "wait"
hook.connect(function() wait.forever() end)
hook.publish(function() wait.forever() end)`

// TestWaiting: what waits ends with the context of the call, and does so at
// connect only.
func TestWaiting(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 1)
	s := openWith(t, waitingScript, Options{Libraries: []*library.Module{waiting(entered)}})
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	c := callAt(hooks.AtConnect)
	if err := s.Do(ctx, 0, []*hooks.Call{c}); err != nil {
		t.Fatal(err)
	}
	if k := kind(c.Err); k != "timeout" || !errors.Is(c.Err, context.DeadlineExceeded) {
		t.Errorf("deadline: got %v", c.Err)
	}
	<-entered

	ctx, cancel = context.WithCancel(context.Background())
	go func() { <-entered; cancel() }()
	if err := s.Do(ctx, 0, []*hooks.Call{c}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(c.Err, context.Canceled) {
		t.Errorf("canceled: got %v", c.Err)
	}

	c = callAt(hooks.AtPublish)
	if err := s.Do(context.Background(), 1, []*hooks.Call{c}); err != nil {
		t.Fatal(err)
	}
	if k := kind(c.Err); k != "runtime" || !strings.Contains(c.Err.Error(), "wait.forever can be called at connect and event only") {
		t.Errorf("publish: got %v", c.Err)
	}
}

// TestCloseEndsWaiting: to close a script ends what waits in it.
func TestCloseEndsWaiting(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{}, 1)
	s := openWith(t, waitingScript, Options{Libraries: []*library.Module{waiting(entered)}, Limits: Limits{BlockingVMs: 1}})
	inside, queued := callAt(hooks.AtConnect), callAt(hooks.AtConnect)
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.Do(context.Background(), 0, []*hooks.Call{inside}) })
	<-entered
	var late error
	wg.Go(func() { late = s.Do(context.Background(), 0, []*hooks.Call{queued}) })
	if err := s.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	if !errors.Is(inside.Err, context.Canceled) {
		t.Errorf("who waited: got %v", inside.Err)
	}
	if !errors.Is(late, errClosed) {
		t.Errorf("who waited for a machine: got %v", late)
	}
	if err := s.Do(context.Background(), 1, []*hooks.Call{callAt(hooks.AtPublish)}); !errors.Is(err, errClosed) || kind(err) != "runtime" {
		t.Errorf("afterwards: got %v", err)
	}
}
