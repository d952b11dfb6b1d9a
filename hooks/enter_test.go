package hooks

import (
	"context"
	"testing"
	"testing/synctest"
)

// TestEnter: what was entered stays at work until it is left, and then not; who
// enters later gets what has taken its place.
func TestEnter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, s := context.Background(), new(shop)
		m := NewManager(ManagerOptions{Probation: -1})
		if err := m.Load(ctx, []Spec{s.spec("h")}); err != nil {
			t.Fatal(err)
		}
		held := m.Table("A")
		entered := held.Enter(alice)
		if err := m.Reload(ctx, "h"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		reason := func(table *Table) string {
			c := &Call{Client: alice, Subject: []byte("a")}
			table.DoEntered(ctx, new(Session), AtPublish, []*Call{c})
			return c.Outcome.Reason
		}
		if got := reason(entered); got != "h1" || s.running() != "map[h1:true h2:true]" {
			t.Errorf("entered: %q of %s, want h1", got, s.running())
		}
		later := held.Enter(alice)
		if got := reason(later); got != "h2" {
			t.Errorf("entered after the reload: %q, want h2", got)
		}
		entered.Exit(alice)
		synctest.Wait()
		if got := s.running(); got != "map[h2:true]" {
			t.Errorf("after Exit: %s", got)
		}
		later.Exit(alice)
		closing(t, m)
		none := held.Enter(alice)
		if none != nil || reason(none) != "" {
			t.Errorf("after Close: %v", none)
		}
		none.Exit(alice)
	})
}
