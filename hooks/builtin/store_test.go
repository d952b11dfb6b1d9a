package builtin

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"moonwire/hooks"
)

// one asks about one message of a user, and reports whether it is admitted.
func one(set *hooks.Set, user string) bool {
	return verdicts(set, hooks.AtPublish, &hooks.Client{User: user}, "a", 1) == "pa"
}

// TestEviction: the number of buckets is bounded; those that are full go first, and
// then those that are full soonest.
func TestEviction(t *testing.T) {
	t.Parallel()
	clock := &hand{time.Now()}
	l, err := NewRateLimit(RateLimitOptions{
		Rules:      []RateRule{{At: hooks.AtPublish, By: hooks.FieldUser, Rate: 1, Burst: 3}},
		MaxBuckets: 4, Clock: clock.now,
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	set, store := load(t, l), l.rules[0].store
	drain := func(user string, times int) {
		t.Helper()
		for range times {
			if !one(set, user) {
				t.Fatalf("%s is refused", user)
			}
		}
	}
	drain("greedy", 3)
	drain("idle", 1)
	clock.advance(time.Second) // idle is full again, and greedy has 1 token
	drain("greedy", 1)
	drain("busy", 2)
	drain("other", 1)
	if n := store.held(); n != 4 {
		t.Fatalf("%d buckets, want 4", n)
	}
	drain("new", 1) // in the place of idle
	for i := range 100 {
		drain(fmt.Sprint("flood", i), 1) // in the place of other, of new, and of each other
	}
	if n := store.held(); n != 4 {
		t.Errorf("%d buckets, want 4", n)
	}
	if one(set, "greedy") {
		t.Error("greedy was forgotten, and is full again")
	}
	drain("busy", 1) // its third and last
	if one(set, "busy") {
		t.Error("busy was forgotten, and is full again")
	}
}

// TestBounded: more keys than there is room for hold no more than they may, and in
// the default store no more memory than the documentation says.
func TestBounded(t *testing.T) {
	s := newStore(0, defaultBuckets)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for key := range uint64(2 * defaultBuckets) {
		key *= 0x9E3779B97F4A7C15
		h := s.shard(key)
		h.mu.Lock()
		if h.findLocked(key) == nil {
			h.addLocked(key, 0, s.room).events = int64(key >> 1)
		}
		h.mu.Unlock()
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	n := s.held()
	if n > defaultBuckets || n < defaultBuckets*99/100 {
		t.Errorf("%d buckets, want nearly %d", n, defaultBuckets)
	}
	each := float64(after.HeapAlloc-before.HeapAlloc) / float64(n)
	t.Logf("%.0f bytes for each of %d buckets", each, n)
	if each > 100 {
		t.Errorf("a bucket takes %.0f bytes", each)
	}
	for i := range s.shards {
		h := &s.shards[i]
		if len(h.index) != len(h.buckets) {
			t.Fatalf("shard %d: %d keys for %d buckets", i, len(h.index), len(h.buckets))
		}
		for key, at := range h.index {
			if h.buckets[at].key != key {
				t.Fatalf("shard %d: key %x is at the place of %x", i, key, h.buckets[at].key)
			}
		}
	}
}

func TestNewStore(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int][2]int{1: {1, 1}, 256: {1, 256}, 257: {2, 128}, 1000: {4, 250}, 100_000: {512, 195}} {
		s := newStore(0, limit)
		if got := [2]int{len(s.shards), s.room}; got != want {
			t.Errorf("%d: got %v, want %v", limit, got, want)
		}
		s.shard(0)
		s.shard(1<<64 - 1)
	}
}

// reload loads settings into a manager.
func reload(t *testing.T, m *hooks.Manager, settings map[string]any) {
	t.Helper()
	err := m.Load(t.Context(), []hooks.Spec{{
		Hook: hooks.Hook{Name: "limit"},
		Open: func(ctx context.Context, old hooks.Engine) (hooks.Engine, error) {
			return Open(ctx, rateLimitName, settings, old)
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// TestHandover: a reload does not fill the buckets of rules that stay.
func TestHandover(t *testing.T) {
	t.Parallel()
	m := hooks.NewManager(hooks.ManagerOptions{Probation: -1})
	defer func() {
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	rule := func(by string, more ...any) map[string]any {
		r := map[string]any{"by": by, "rate": 0.001, "burst": int64(2)}
		for i := 0; i < len(more); i += 2 {
			r[more[i].(string)] = more[i+1]
		}
		return r
	}
	tokens := func(want int) {
		t.Helper()
		got := 0
		for one(m.Set(), "u") {
			got++
		}
		if got != want {
			t.Errorf("%d tokens, want %d", got, want)
		}
	}
	rules := func(list ...any) map[string]any { return map[string]any{"rules": list} }
	reload(t, m, rules(rule("user")))
	if !one(m.Set(), "u") {
		t.Error("the first is refused")
	}
	reload(t, m, rules(rule("account"), rule("user"))) // another place, and a new rule in front
	tokens(1)
	reload(t, m, rules(rule("user"), rule("account"))) // both stay
	tokens(0)
	reload(t, m, rules(rule("user", "action", "delay"))) // another action
	tokens(0)
	reload(t, m, rules(rule("user", "burst", int64(3)))) // another rule
	tokens(3)
	reload(t, m, rules(rule("user", "burst", int64(3), "subjects", "a")))
	tokens(3)
	settings := rules(rule("user", "burst", int64(3), "subjects", "a"))
	settings["max_buckets"] = int64(10)
	reload(t, m, settings)
	tokens(3)
}

// TestHandoverTwins: of rules that are equal each keeps buckets of its own.
func TestHandoverTwins(t *testing.T) {
	t.Parallel()
	r := RateRule{At: hooks.AtPublish, By: hooks.FieldUser, Rate: 1}
	old := limitBy(t, nil, r, r)
	l, err := NewRateLimit(RateLimitOptions{Rules: []RateRule{r, r, r}}, old)
	if err != nil {
		t.Fatal(err)
	}
	a, b, c := l.rules[0].store, l.rules[1].store, l.rules[2].store
	if a != old.rules[0].store || b != old.rules[1].store || a == b || c == a || c == b || c.id != 2 {
		t.Errorf("stores %p %p %p (number %d), before %p %p", a, b, c, c.id, old.rules[0].store, old.rules[1].store)
	}
	if l.clock != old.clock {
		t.Error("the clock stayed behind")
	}
	if other, err := NewRateLimit(RateLimitOptions{Rules: []RateRule{r}}, stamp(t, StampOptions{})); err != nil || other.rules[0].store == nil {
		t.Errorf("after a stamp: %v, %v", other, err)
	}
}

// TestRateLimitConcurrent: many connections, and two engines that share buckets
// with their rules the other way round, admit exactly what the buckets hold.
func TestRateLimitConcurrent(t *testing.T) {
	t.Parallel()
	clock := &hand{time.Now()} // stands still
	const burst = 1000
	user := RateRule{At: hooks.AtPublish, By: hooks.FieldUser, Rate: 1, Burst: burst}
	account := RateRule{At: hooks.AtPublish, By: hooks.FieldAccount, Rate: 1, Burst: 10 * burst}
	old := limitBy(t, clock.now, user, account)
	young, err := NewRateLimit(RateLimitOptions{Rules: []RateRule{account, user}}, old)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if old.gates[0].rules[i].store != young.gates[0].rules[i].store {
			t.Fatal("the engines lock in different orders")
		}
	}
	sets := []*hooks.Set{load(t, old), load(t, young)}
	var admitted [2]atomic.Int64
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			client := &hooks.Client{ID: uint64(g), User: fmt.Sprint("u", g/2%2), Account: "A"}
			table, session := sets[g%2].Table("A"), new(hooks.Session)
			for range 100 {
				calls := []*hooks.Call{message(client, "a", 1), message(client, "a", 1), message(client, "a", 1), message(client, "a", 1)}
				table.Do(context.Background(), session, hooks.AtPublish, calls)
				for _, c := range calls {
					if !c.Outcome.Verdict.Refuses() {
						admitted[g/2%2].Add(1)
					}
				}
			}
		})
	}
	wg.Wait()
	for i := range admitted {
		if n := admitted[i].Load(); n != burst {
			t.Errorf("user %d: %d admitted, want %d", i, n, burst)
		}
	}
	if n := verdicts(sets[0], hooks.AtPublish, &hooks.Client{User: "v", Account: "A"}, "a", 1); n != "pa" {
		t.Errorf("the account has tokens, and another user got %s", n)
	}
}
