package library

import (
	"container/heap"
	"errors"
	"hash/maphash"
	"strings"
	"sync"
	"time"
)

// owner is whose entries are meant: those of a hook, or what all hooks have in
// common.
type owner struct {
	hook   string
	common bool
}

// item is a value and until when it lasts, on the store's clock; 0 is for ever.
type item[V any] struct {
	value   V
	expires int64
}

// verb is what becomes of an entry.
type verb uint8

const (
	leave  verb = iota
	put         // it gets the item returned
	remove      // it is no more
)

// errFull is the error for what does not fit beside what others hold.
var errFull = errors.New("there is no room: the store is full, and other hooks hold no more than their share")

// store keeps values for the hooks of a broker. It is bounded, and hooks share it
// fairly: when it is full, expired entries go first, and then the oldest of who
// holds most. So one hook may fill it alone, and can still not push out another
// that holds less than its share. Of the entries of one owner, that which was
// used longest ago is the oldest.
//
// The bounds are of the whole store and kept by each shard for its part, so that
// keys that fall together unluckily go a little earlier.
type store[V any] struct {
	most      int          // entries of a shard
	mostBytes int64        // of a shard
	size      func(V) int  // bytes of a value
	now       func() int64 // nanoseconds since some moment
	seed      maphash.Seed // immutable
	shards    []shard[V]   // len is a power of two
}

type shard[V any] struct {
	mu       sync.Mutex
	holdings map[owner]*holding[V] // none is empty
	expiring expiries[V]
	counts   storeCounts
}

// storeCounts are what is in a store, and what happened there.
type storeCounts struct {
	entries, bytes                 int64
	hits, misses, evicted, expired uint64
}

// holding is what one owner has in a shard.
type holding[V any] struct {
	owner owner
	index map[string]*entry[V]
	ends  entry[V] // of a ring: next is the newest, prev the oldest
	bytes int64
}

type entry[V any] struct {
	item[V]
	key        string
	bytes      int64
	at         int // in expiring, -1 if it is not
	holding    *holding[V]
	next, prev *entry[V]
}

// overhead is what an entry takes beyond its key and value.
const overhead = 200

// shards is how many a store has, unless it is so small that they would hold
// next to nothing.
const shards = 16

// purges is how many expired entries one update lets go at most. More than one,
// so that they go faster than they come.
const purges = 4

// newStore returns a store for so many entries and bytes.
func newStore[V any](entries int, bytes int64, clock func() time.Time, size func(V) int) *store[V] {
	n := shards
	if entries < 64*n {
		n = 1
	}
	start := clock()
	return &store[V]{
		most: entries / n, mostBytes: bytes / int64(n), size: size,
		now:  func() int64 { return int64(clock().Sub(start)) },
		seed: maphash.MakeSeed(), shards: make([]shard[V], n),
	}
}

// update has change say what becomes of an entry; found is whether there is one.
// It returns errFull if there is no room, and then the entry is no more. Nobody
// else sees the store in between; so change must not call a script, nor charge
// it.
func (s *store[V]) update(o owner, key string, change func(old item[V], found bool, now int64) (item[V], verb)) error {
	sh := &s.shards[maphash.String(s.seed, key)&uint64(len(s.shards)-1)]
	now := s.now()
	sh.mu.Lock()
	defer sh.mu.Unlock()
	var e *entry[V]
	if h := sh.holdings[o]; h != nil {
		e = h.index[key]
	}
	found := e != nil && (e.expires == 0 || e.expires > now)
	var old item[V]
	if found {
		old = e.item
		sh.counts.hits++
	} else {
		sh.counts.misses++
	}
	next, do := change(old, found, now)
	var err error
	switch {
	case do == put:
		if e == nil {
			e = sh.addLocked(o, key)
		}
		sh.setLocked(e, next, overhead+int64(len(key)+s.size(next.value)))
		err = s.makeRoomLocked(sh, e, now)
	case found && do == remove:
		sh.dropLocked(e)
	case found:
		e.touch()
	}
	for range purges {
		if !sh.purgeLocked(now) {
			break
		}
	}
	return err
}

// addLocked adds an entry that holds nothing yet.
func (sh *shard[V]) addLocked(o owner, key string) *entry[V] {
	h := sh.holdings[o]
	if h == nil {
		h = &holding[V]{owner: o, index: make(map[string]*entry[V])}
		h.ends.next, h.ends.prev = &h.ends, &h.ends
		if sh.holdings == nil {
			sh.holdings = make(map[owner]*holding[V])
		}
		sh.holdings[o] = h
	}
	// A copy: the key may be a piece of a longer text, which would be kept with it.
	e := &entry[V]{key: strings.Clone(key), at: -1, holding: h}
	e.next, e.prev = e, e
	h.index[e.key] = e
	sh.counts.entries++
	return e
}

// setLocked gives an entry its item, and makes it the newest.
func (sh *shard[V]) setLocked(e *entry[V], i item[V], bytes int64) {
	sh.counts.bytes += bytes - e.bytes
	e.holding.bytes += bytes - e.bytes
	e.item, e.bytes = i, bytes
	switch {
	case e.expires == 0 && e.at >= 0:
		heap.Remove(&sh.expiring, e.at)
	case e.expires != 0 && e.at >= 0:
		heap.Fix(&sh.expiring, e.at)
	case e.expires != 0:
		heap.Push(&sh.expiring, e)
	}
	e.touch()
}

// touch makes an entry the newest of its holding.
func (e *entry[V]) touch() {
	ends := &e.holding.ends
	e.prev.next, e.next.prev = e.next, e.prev
	e.prev, e.next = ends, ends.next
	e.prev.next, e.next.prev = e, e
}

func (sh *shard[V]) dropLocked(e *entry[V]) {
	h := e.holding
	e.prev.next, e.next.prev = e.next, e.prev
	if e.at >= 0 {
		heap.Remove(&sh.expiring, e.at)
	}
	sh.counts.entries--
	sh.counts.bytes -= e.bytes
	h.bytes -= e.bytes
	delete(h.index, e.key)
	if len(h.index) == 0 {
		delete(sh.holdings, h.owner)
	}
}

// purgeLocked drops the entry that expired first, or reports that none has.
func (sh *shard[V]) purgeLocked(now int64) bool {
	if len(sh.expiring) == 0 || sh.expiring[0].expires > now {
		return false
	}
	sh.counts.expired++
	sh.dropLocked(sh.expiring[0])
	return true
}

// makeRoomLocked brings a shard back into its bounds after e was written.
func (s *store[V]) makeRoomLocked(sh *shard[V], e *entry[V], now int64) error {
	for {
		tooMany := sh.counts.entries > int64(s.most)
		if !tooMany && sh.counts.bytes <= s.mostBytes {
			return nil
		}
		if sh.purgeLocked(now) {
			continue
		}
		oldest := sh.largestLocked(e.holding, tooMany).ends.prev
		sh.dropLocked(oldest)
		if oldest == e {
			return errFull
		}
		sh.counts.evicted++
	}
}

// largestLocked returns the holding with the most entries, or bytes: the
// writer's if no other has more.
func (sh *shard[V]) largestLocked(writer *holding[V], entries bool) *holding[V] {
	most := writer
	for _, h := range sh.holdings {
		if entries && len(h.index) > len(most.index) || !entries && h.bytes > most.bytes {
			most = h
		}
	}
	return most
}

// stats adds up what is in the shards.
func (s *store[V]) stats() (c storeCounts) {
	for i := range s.shards {
		sh := &s.shards[i]
		sh.mu.Lock()
		c.entries += sh.counts.entries
		c.bytes += sh.counts.bytes
		c.hits += sh.counts.hits
		c.misses += sh.counts.misses
		c.evicted += sh.counts.evicted
		c.expired += sh.counts.expired
		sh.mu.Unlock()
	}
	return c
}

// expiries are the entries that expire, as a heap: the first to expire is first.
type expiries[V any] []*entry[V]

func (x expiries[V]) Len() int           { return len(x) }
func (x expiries[V]) Less(i, j int) bool { return x[i].expires < x[j].expires }
func (x expiries[V]) Swap(i, j int) {
	x[i], x[j] = x[j], x[i]
	x[i].at, x[j].at = i, j
}

func (x *expiries[V]) Push(e any) {
	last := e.(*entry[V])
	last.at = len(*x)
	*x = append(*x, last)
}

func (x *expiries[V]) Pop() any {
	n := len(*x) - 1
	last := (*x)[n]
	(*x)[n] = nil
	*x = (*x)[:n]
	last.at = -1
	return last
}
