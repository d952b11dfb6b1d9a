package hooks

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// TestRollbackOfBatches: what part of the calls fails does not depend on how many
// come at one time.
func TestRollbackOfBatches(t *testing.T) {
	t.Parallel()
	type load struct{ batch, failing int } // calls at one time, and how many of them fail
	for _, tt := range []struct {
		name     string
		old, new load
		back     bool
	}{
		{"one of a hundred at a time", load{100, 0}, load{100, 1}, false},
		{"two of a hundred at a time", load{100, 0}, load{100, 2}, true},
		{"all, of which a few failed before", load{100, 20}, load{1, 1}, true},
		{"as before, one by one", load{100, 50}, load{2, 1}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, s := context.Background(), &shop{closed: make(chan string, 8)}
				m := NewManager(ManagerOptions{Options: Options{Breaker: BreakerOptions{MinCalls: 1000}}})
				defer closing(t, m)
				var now load
				s.next = func(e *fake) error {
					do := e.do
					e.do = func(ctx context.Context, reg int, calls []*Call) error {
						for i := range min(now.failing, len(calls)) {
							calls[i].Err = errors.New("x")
						}
						return do(ctx, reg, calls)
					}
					return nil
				}
				if err := m.Load(ctx, []Spec{s.spec("h")}); err != nil {
					t.Fatal(err)
				}
				ask := func(l load) {
					now = l
					for range 30 {
						var calls []*Call
						for range l.batch {
							calls = append(calls, &Call{Client: alice, Subject: []byte("a")})
						}
						m.Table("A").Do(ctx, new(Session), AtPublish, calls)
					}
					now = load{}
				}
				ask(tt.old)
				if err := m.Reload(ctx, "h"); err != nil {
					t.Fatal(err)
				}
				ask(tt.new)
				s.probation(t, m, tt.back)
			})
		})
	}
}
