package hooks

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"moonwire/hooks/hookbench"
)

// load makes what an account's pointer is.
func loadOf(t *Table) *atomic.Pointer[Table] {
	p := new(atomic.Pointer[Table])
	p.Store(t)
	return p
}

// benchWanted measures how long it takes to know that no hook is to be asked about
// subjects in turn.
func benchWanted(b *testing.B, p *atomic.Pointer[Table], subjects [][]byte) {
	const times = 1000
	s := new(Session)
	i := 0
	hookbench.Run(b, times, func() {
		for range times {
			if t := p.Load(); t != nil && t.Wanted(s, AtPublish, subjects[i]) {
				b.Fatal("wanted")
			}
			if i++; i == len(subjects) {
				i = 0
			}
		}
	})
}

func BenchmarkNothingLoaded(b *testing.B) { benchWanted(b, loadOf(nil), subjectsOf(1)) }

func BenchmarkOtherPoint(b *testing.B) {
	benchWanted(b, loadOf(must(b, Options{}, Hook{Name: "a", Engine: on(AtInspect, verdict(Pass))}).Table("A")), subjectsOf(1))
}

func subjectsOf(n int) [][]byte {
	subjects := make([][]byte, n)
	for i := range subjects {
		subjects[i] = fmt.Appendf(nil, "orders.new.%d", i)
	}
	return subjects
}

func BenchmarkNotMatching(b *testing.B) {
	r := Registration{Point: AtPublish, Subjects: []string{"t.*.cmd.>", "billing.>", "orders.new.us"}}
	p := loadOf(must(b, Options{}, Hook{Name: "a", Engine: at(r, verdict(Pass))}).Table("A"))
	for _, n := range []int{1, 16, 1000} {
		b.Run(fmt.Sprintf("subjects=%d", n), func(b *testing.B) { benchWanted(b, p, subjectsOf(n)) })
	}
}

// calls returns a batch.
func batchOf(n int) []*Call {
	calls := make([]*Call, n)
	for i := range calls {
		calls[i] = &Call{Client: alice, Subject: []byte("orders.new.eu")}
	}
	return calls
}

func benchDo(b *testing.B, t *Table, n int) {
	ctx, s, calls := context.Background(), new(Session), batchOf(n)
	hookbench.Run(b, n, func() { t.Do(ctx, s, AtPublish, calls) })
}

func BenchmarkGoHook(b *testing.B) {
	t := must(b, Options{}, Hook{Name: "a", Engine: on(AtPublish, verdict(Allow))}).Table("A")
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) { benchDo(b, t, n) })
	}
}

func BenchmarkChainOfThree(b *testing.B) {
	var hooks []Hook
	for i := range 3 {
		hooks = append(hooks, Hook{Name: fmt.Sprint(i), Engine: on(AtPublish, verdict(Allow))})
	}
	t := must(b, Options{}, hooks...).Table("A")
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) { benchDo(b, t, n) })
	}
}

func cachedHook() Hook {
	return Hook{Name: "a", Engine: at(Registration{
		Point: AtPublish,
		Cache: &CachePolicy{By: Fields{Set: FieldUser | FieldSubject}, TTL: time.Hour},
	}, verdict(Allow))}
}

func BenchmarkCached(b *testing.B) {
	t := must(b, Options{}, cachedHook()).Table("A")
	for _, n := range []int{1, 16, 256} {
		b.Run(fmt.Sprintf("batch=%d", n), func(b *testing.B) { benchDo(b, t, n) })
	}
	b.Run("lookup", func(b *testing.B) {
		set := must(b, Options{}, cachedHook())
		t, s, c := set.Table("A"), new(Session), batchOf(1)[0]
		t.Do(context.Background(), s, AtPublish, []*Call{c})
		bd := t.match(s, AtPublish, c.Subject).chain[0]
		hookbench.Run(b, 1, func() {
			if !t.recall(s, bd, c) {
				b.Fatal("missed")
			}
		})
	})
}
