package builtin

import (
	"hash/maphash"
	"math/bits"
	"sync"
)

// bucket is what one key has: of tokens for events, and for bytes, when they are
// full.
type bucket struct {
	key           uint64
	events, bytes int64
}

// full is when nothing is missing any more.
func (b *bucket) full() int64 { return max(b.events, b.bytes) }

// store holds the buckets of one rule, a bounded number. They are known by a hash
// whose seed nobody else knows: two keys of the same hash would share a bucket,
// which does not happen by intent, and by chance once in billions.
//
// A key without a bucket has a full one. When there is no room, a bucket that is
// full is forgotten, as that changes nothing; and when there is none of those, the
// one that is full soonest. So who sends from many keys to make the broker forget
// pushes out the other keys that have sent little. Room is that of a shard, so that
// this begins a little before the store has all its buckets.
type store struct {
	id     int // order of locks: of stores of one call, that with the lowest first
	seed   maphash.Seed
	shift  int // of a key to the number of its shard
	room   int // buckets in each shard
	shards []shard
}

// shard is a part of the buckets.
type shard struct {
	mu      sync.Mutex
	index   map[uint64]int32 // places in buckets by key
	buckets []bucket
	hand    int // where the search for one to forget begins

	_ [16]byte // to a whole cache line
}

// mostInShard is how many buckets a shard has at most: all may have to be looked
// at for one to forget.
const mostInShard = 256

func newStore(id, limit int) *store {
	n := 1
	for limit > n*mostInShard {
		n *= 2
	}
	return &store{
		id: id, seed: maphash.MakeSeed(),
		shift: 64 - bits.Len(uint(n-1)), room: limit / n, shards: make([]shard, n),
	}
}

// shard returns where the bucket of a key is.
func (s *store) shard(key uint64) *shard { return &s.shards[key>>s.shift] }

// findLocked returns the bucket of a key, which stays where it is for as long as
// the shard is locked; nil if it has none.
func (h *shard) findLocked(key uint64) *bucket {
	if i, ok := h.index[key]; ok {
		return &h.buckets[i]
	}
	return nil
}

// addLocked makes a full bucket for a key that has none.
func (h *shard) addLocked(key uint64, now int64, room int) *bucket {
	if h.index == nil {
		h.index = make(map[uint64]int32)
	}
	i := len(h.buckets)
	if i < room {
		h.buckets = append(h.buckets, bucket{})
	} else {
		i = h.dispensableLocked(now)
		delete(h.index, h.buckets[i].key)
	}
	h.index[key] = int32(i)
	h.buckets[i] = bucket{key: key}
	return &h.buckets[i]
}

// dispensableLocked returns the place of a bucket that is full, or else of the one
// that is full soonest.
func (h *shard) dispensableLocked(now int64) int {
	best := h.hand
	for range h.buckets {
		if h.hand++; h.hand == len(h.buckets) {
			h.hand = 0
		}
		b := &h.buckets[h.hand]
		if b.full() <= now {
			return h.hand
		}
		if b.full() < h.buckets[best].full() {
			best = h.hand
		}
	}
	return best
}

// held returns how many buckets there are.
func (s *store) held() (n int) {
	for i := range s.shards {
		h := &s.shards[i]
		h.mu.Lock()
		n += len(h.buckets)
		h.mu.Unlock()
	}
	return n
}
