package hooks

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// load makes what an account's pointer is.
func loadOf(t *Table) *atomic.Pointer[Table] {
	p := new(atomic.Pointer[Table])
	p.Store(t)
	return p
}

func BenchmarkNothingLoaded(b *testing.B) {
	b.ReportAllocs()
	p, s, subj := loadOf(nil), new(Session), []byte("orders.new.eu")
	for b.Loop() {
		if t := p.Load(); t != nil && t.Wanted(s, AtPublish, subj) {
			b.Fatal("wanted")
		}
	}
}

func BenchmarkOtherPoint(b *testing.B) {
	b.ReportAllocs()
	p := loadOf(must(b, Options{}, Hook{Name: "a", Engine: on(AtInspect, verdict(Pass))}).Table("A"))
	s, subj := new(Session), []byte("orders.new.eu")
	for b.Loop() {
		if t := p.Load(); t != nil && t.Wanted(s, AtPublish, subj) {
			b.Fatal("wanted")
		}
	}
}

func BenchmarkNotMatching(b *testing.B) {
	r := Registration{Point: AtPublish, Subjects: []string{"t.*.cmd.>", "billing.>", "orders.new.us"}}
	p := loadOf(must(b, Options{}, Hook{Name: "a", Engine: at(r, verdict(Pass))}).Table("A"))
	for _, n := range []int{1, 16, 1000} {
		b.Run(fmt.Sprintf("subjects=%d", n), func(b *testing.B) {
			s := new(Session)
			subjects := make([][]byte, n)
			for i := range subjects {
				subjects[i] = fmt.Appendf(nil, "orders.new.%d", i)
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if t := p.Load(); t != nil && t.Wanted(s, AtPublish, subjects[i]) {
					b.Fatal("wanted")
				}
				if i++; i == n {
					i = 0
				}
			}
		})
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
	t.Do(ctx, s, AtPublish, calls)
	b.ReportAllocs()
	for b.Loop() {
		t.Do(ctx, s, AtPublish, calls)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/call")
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
		b.ReportAllocs()
		for b.Loop() {
			if !t.recall(s, bd, c) {
				b.Fatal("missed")
			}
		}
	})
}
