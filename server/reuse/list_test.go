package reuse_test

import (
	"runtime"
	"sync"
	"testing"

	"moonwire/server/reuse"
)

type thing struct{ inUse bool }

// What was put back survives garbage collections, up to the number that is
// kept for good.
func TestSurvivesCollections(t *testing.T) {
	t.Parallel()
	var l reuse.List[thing]
	if got := l.Get(); got != nil {
		t.Fatalf("an empty list hands out %v", got)
	}
	put := make(map[*thing]bool)
	for range reuse.Kept {
		v := new(thing)
		put[v] = true
		l.Put(v)
	}
	for range 4 {
		runtime.GC()
	}
	for range reuse.Kept {
		v := l.Get()
		if !put[v] {
			t.Fatalf("got %p, which was not put back or was handed out before", v)
		}
		delete(put, v)
	}
}

// Nobody gets what another one has.
func TestTogether(t *testing.T) {
	t.Parallel()
	var l reuse.List[thing]
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10_000 {
				v := l.Get()
				if v == nil {
					v = new(thing)
				}
				if v.inUse {
					t.Error("handed out twice")
					return
				}
				v.inUse = true
				runtime.Gosched()
				v.inUse = false
				l.Put(v)
			}
		})
	}
	wg.Wait()
}
