package library

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"moonwire/hooks/lua/sandbox"
)

// naiveStore is a store of one shard without any cleverness.
type naiveStore struct {
	entries   []naiveEntry // the newest last
	most      int
	mostBytes int64
}

type naiveEntry struct {
	o       owner
	key     string
	value   string
	expires int64
}

func (e *naiveEntry) bytes() int64 { return overhead + int64(len(e.key)+len(e.value)) }

func (s *naiveStore) find(o owner, key string, now int64) int {
	s.entries = slices.DeleteFunc(s.entries, func(e naiveEntry) bool {
		return e.o == o && e.key == key && e.expires != 0 && e.expires <= now
	})
	return slices.IndexFunc(s.entries, func(e naiveEntry) bool { return e.o == o && e.key == key })
}

// held returns how many entries an owner has, and their bytes; of all if o is
// nil.
func (s *naiveStore) held(o *owner) (n int, bytes int64) {
	for _, e := range s.entries {
		if o == nil || e.o == *o {
			n++
			bytes += e.bytes()
		}
	}
	return n, bytes
}

func (s *naiveStore) get(o owner, key string, now int64) (string, bool) {
	i := s.find(o, key, now)
	if i < 0 {
		return "", false
	}
	e := s.entries[i]
	s.entries = append(slices.Delete(s.entries, i, i+1), e)
	return e.value, true
}

func (s *naiveStore) put(e naiveEntry, now int64, owners []owner) error {
	s.remove(e.o, e.key, now)
	s.entries = append(s.entries, e)
	for {
		n, bytes := s.held(nil)
		if n <= s.most && bytes <= s.mostBytes {
			return nil
		}
		expired := func(e naiveEntry) bool { return e.expires != 0 && e.expires <= now }
		if i := slices.IndexFunc(s.entries, expired); i >= 0 {
			first := slices.MinFunc(s.entries, func(a, b naiveEntry) int {
				return cmp.Compare(uint64(a.expires-1), uint64(b.expires-1)) // for ever is last
			})
			s.remove(first.o, first.key, now)
			continue
		}
		largest := e.o
		for _, o := range owners {
			n2, b2 := s.held(&o)
			n1, b1 := s.held(&largest)
			if n > s.most && n2 > n1 || n <= s.most && b2 > b1 {
				largest = o
			}
		}
		i := slices.IndexFunc(s.entries, func(e naiveEntry) bool { return e.o == largest })
		gone := s.entries[i]
		s.entries = slices.Delete(s.entries, i, i+1)
		if gone.o == e.o && gone.key == e.key {
			return errFull
		}
	}
}

func (s *naiveStore) remove(o owner, key string, now int64) bool {
	i := s.find(o, key, now)
	if i >= 0 {
		s.entries = slices.Delete(s.entries, i, i+1)
	}
	return i >= 0
}

// TestStoreModel compares a store with a naive one.
func TestStoreModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clock := newClock()
		naive := &naiveStore{
			most:      rapid.IntRange(1, 6).Draw(t, "entries"),
			mostBytes: rapid.Int64Range(overhead+10, 6*(overhead+10)).Draw(t, "bytes"),
		}
		s := newStore(naive.most, naive.mostBytes, clock.now, func(v string) int { return len(v) })
		if len(s.shards) != 1 {
			t.Fatal("the model has one shard")
		}
		owners := []owner{{hook: "a"}, {common: true}}
		steps := rapid.IntRange(1, 60).Draw(t, "steps")
		for range steps {
			o := rapid.SampledFrom(owners).Draw(t, "owner")
			key := rapid.SampledFrom([]string{"", "k", "key", "another key"}).Draw(t, "key")
			now := s.now()
			switch rapid.SampledFrom([]string{"get", "put", "put", "put", "remove", "wait"}).Draw(t, "do") {
			case "get":
				var got string
				var found bool
				if err := s.update(o, key, func(old item[string], has bool, _ int64) (item[string], verb) {
					got, found = old.value, has
					return old, leave
				}); err != nil {
					t.Fatalf("get: %v", err)
				}
				if want, has := naive.get(o, key, now); got != want || found != has {
					t.Fatalf("get %v %q: got %q %v, want %q %v", o, key, got, found, want, has)
				}
			case "put":
				e := naiveEntry{o: o, key: key, value: strings.Repeat("v", rapid.IntRange(0, 2*overhead).Draw(t, "value"))}
				if rapid.Bool().Draw(t, "expires") {
					e.expires = now + rapid.Int64Range(1, 5).Draw(t, "ttl")
				}
				err := s.update(o, key, func(item[string], bool, int64) (item[string], verb) {
					return item[string]{e.value, e.expires}, put
				})
				if want := naive.put(e, now, owners); !errors.Is(err, want) {
					t.Fatalf("put %v %q: got %v, want %v", o, key, err, want)
				}
			case "remove":
				var found bool
				_ = s.update(o, key, func(old item[string], has bool, _ int64) (item[string], verb) {
					found = has
					return old, remove
				})
				if want := naive.remove(o, key, now); found != want {
					t.Fatalf("remove %v %q: got %v, want %v", o, key, found, want)
				}
			case "wait":
				clock.advance(time.Duration(rapid.IntRange(1, 3).Draw(t, "ns")))
			}
			checkStore(t, s)
		}
	})
}

// checkStore holds the sums of a store against what is in it.
func checkStore[V any](t interface{ Fatalf(string, ...any) }, s *store[V]) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		var n, bytes int64
		expire := 0
		for o, h := range sh.holdings {
			held, row := int64(0), 0
			for e := h.ends.next; e != &h.ends; e = e.next {
				row++
				held += e.bytes
				if h.index[e.key] != e || e.bytes != overhead+int64(len(e.key)+s.size(e.value)) || e.next.prev != e {
					t.Fatalf("entry %q of %v is out of order", e.key, o)
				}
				if e.expires != 0 {
					expire++
				}
				if (e.expires != 0) != (e.at >= 0) || e.at >= 0 && sh.expiring[e.at] != e {
					t.Fatalf("entry %q of %v does not expire as it says", e.key, o)
				}
			}
			if row != len(h.index) || row == 0 || held != h.bytes {
				t.Fatalf("%v holds %d of %d entries, %d of %d bytes", o, row, len(h.index), held, h.bytes)
			}
			n += int64(row)
			bytes += held
		}
		if n != sh.counts.entries || bytes != sh.counts.bytes || expire != len(sh.expiring) {
			t.Fatalf("a shard counts %+v, and holds %d entries with %d bytes, of which %d of %d expire", sh.counts, n, bytes, expire, len(sh.expiring))
		}
		if n > int64(s.most) || bytes > s.mostBytes {
			t.Fatalf("a shard holds %d entries of %d, %d bytes of %d", n, s.most, bytes, s.mostBytes)
		}
		sh.mu.Unlock()
	}
}

func putting[V any](v V) func(item[V], bool, int64) (item[V], verb) {
	return func(item[V], bool, int64) (item[V], verb) { return item[V]{value: v}, put }
}

// TestStoreIsFair: a hook that writes without end pushes out nobody who holds
// less than a share.
func TestStoreIsFair(t *testing.T) {
	t.Parallel()
	s := newStore(30_000, 64<<20, time.Now, func(v string) int { return len(v) })
	modest, greedy, big := owner{hook: "modest"}, owner{hook: "greedy"}, owner{common: true}
	for i := range 5000 {
		if err := s.update(modest, fmt.Sprint(i), putting("v")); err != nil {
			t.Fatal(err)
		}
	}
	long := strings.Repeat("v", 1<<18)
	for i := range 60_000 {
		if err := s.update(greedy, fmt.Sprint(i), putting("v")); err != nil {
			t.Fatal(err)
		}
		if i%100 == 0 {
			if err := s.update(big, fmt.Sprint(i), putting(long)); err != nil {
				t.Fatal(err)
			}
		}
	}
	held := make(map[owner]int)
	for i := range s.shards {
		for o, h := range s.shards[i].holdings {
			held[o] += len(h.index)
		}
	}
	if held[modest] != 5000 || held[greedy] < 20_000 || held[big] < 100 {
		t.Errorf("got %v, want all 5000 of modest, and the rest well used", held)
	}
	if c := s.stats(); c.entries > 30_000 || c.bytes > 64<<20 || c.evicted == 0 {
		t.Errorf("got %+v", c)
	}
	checkStore(t, s)
}

// TestStoreTogether writes from many goroutines; no sum is lost.
func TestStoreTogether(t *testing.T) {
	t.Parallel()
	s := newStore(10_000, 1<<20, time.Now, func(int) int { return 8 })
	var wg sync.WaitGroup
	const writers, keys, rounds = 8, 10, 2000
	for w := range writers {
		wg.Go(func() {
			for i := range rounds {
				add := func(old item[int], _ bool, _ int64) (item[int], verb) {
					old.value++
					return old, put
				}
				if err := s.update(owner{hook: "h"}, fmt.Sprint(i%keys), add); err != nil {
					t.Error(err)
				}
				short := func(_ item[int], _ bool, now int64) (item[int], verb) { return item[int]{1, now + 1}, put }
				if err := s.update(owner{hook: fmt.Sprint(w)}, fmt.Sprint(i), short); err != nil {
					t.Error(err)
				}
				if i%100 == 0 {
					s.stats()
				}
			}
		})
	}
	wg.Wait()
	for k := range keys {
		_ = s.update(owner{hook: "h"}, fmt.Sprint(k), func(old item[int], _ bool, _ int64) (item[int], verb) {
			if want := writers * rounds / keys; old.value != want {
				t.Errorf("key %d: got %d, want %d", k, old.value, want)
			}
			return old, leave
		})
	}
	checkStore(t, s)
}

// TestStoreOverhead: a store takes no more memory than it counts.
func TestStoreOverhead(t *testing.T) { // not parallel: it looks at the heap
	const n = 100_000
	heap := func() int64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	s := newStore(n, math.MaxInt64, time.Now, func(sandbox.Value) int { return 0 })
	for i := range n {
		_ = s.update(owner{hook: "h"}, fmt.Sprintf("key:%05d", i), func(item[sandbox.Value], bool, int64) (item[sandbox.Value], verb) {
			return item[sandbox.Value]{sandbox.Number(float64(i)), math.MaxInt64}, put
		})
	}
	took, c := heap()-before, s.stats()
	if t.Logf("%d bytes an entry, of which %d are counted", took/c.entries, c.bytes/c.entries); took > c.bytes {
		t.Errorf("%d entries take %d bytes, and count for %d", c.entries, took, c.bytes)
	}
	runtime.KeepAlive(s)
}

func BenchmarkStore(b *testing.B) {
	s := newStore(100_000, 64<<20, time.Now, func(sandbox.Value) int { return 0 })
	keys := make([]string, 1000)
	for i := range keys {
		keys[i] = fmt.Sprint("cmd:", i)
	}
	v := sandbox.Number(1)
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_ = s.update(owner{hook: "h"}, keys[i%len(keys)], func(old item[sandbox.Value], _ bool, _ int64) (item[sandbox.Value], verb) {
				return old, leave
			})
		}
	})
	b.Run("put with a time", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			_ = s.update(owner{hook: "h"}, keys[i%len(keys)], func(_ item[sandbox.Value], _ bool, now int64) (item[sandbox.Value], verb) {
				return item[sandbox.Value]{v, now + int64(time.Minute)}, put
			})
		}
	})
}
