package hooks

import (
	"context"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is an engine of functions.
type fake struct {
	regs   []Registration
	do     func(ctx context.Context, reg int, calls []*Call) error
	notify func(reg int, events []Event)
	close  func(ctx context.Context) error
}

func (f *fake) Registrations() []Registration { return f.regs }

func (f *fake) Do(ctx context.Context, reg int, calls []*Call) error {
	if f.do == nil {
		return nil
	}
	return f.do(ctx, reg, calls)
}

func (f *fake) Notify(reg int, events []Event) {
	if f.notify != nil {
		f.notify(reg, events)
	}
}

func (f *fake) Close(ctx context.Context) error {
	if f.close == nil {
		return nil
	}
	return f.close(ctx)
}

// on returns an engine with one registration at a point, which answers with f.
func on(p Point, f func(*Call)) *fake {
	return at(Registration{Point: p}, f)
}

func at(r Registration, f func(*Call)) *fake {
	return &fake{regs: []Registration{r}, do: func(_ context.Context, _ int, calls []*Call) error {
		for _, c := range calls {
			f(c)
		}
		return nil
	}}
}

// say returns an answer to everything.
func say(r Result) func(*Call) { return func(c *Call) { c.Out = r } }

func verdict(v Verdict) func(*Call) { return say(Result{Verdict: v, Reason: v.String()}) }

// must compiles hooks, and closes them with the test.
func must(t testing.TB, o Options, hooks ...Hook) *Set {
	t.Helper()
	s, err := Compile(hooks, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return s
}

var alice = &Client{ID: 7, User: "alice", Account: "A", Name: "app", Host: "10.0.0.1", Kind: "STANDARD"}

// one asks about one subject.
func one(t *Table, p Point, subj string) *Call {
	c := &Call{Client: alice, Subject: []byte(subj)}
	if p == AtConnect {
		c.Connect = new(ConnectInfo)
	}
	t.Do(context.Background(), new(Session), p, []*Call{c})
	return c
}

// list is a slice that goroutines append to.
type list[T any] struct {
	mu  sync.Mutex
	all []T
}

func (l *list[T]) add(v ...T) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, v...)
}

func (l *list[T]) get() []T {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]T(nil), l.all...)
}
