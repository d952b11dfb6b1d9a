package interest

import (
	"bytes"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"unsafe"

	"moonwire/server/subject"
)

// Index is the subscription index of one account. Make it with [New]. All
// methods are safe for concurrent use.
type Index struct {
	seed   maphash.Seed
	cache  atomic.Pointer[table]
	shards [shards]counter
	count  atomic.Int64
	ghost  ghost
	dirty  atomic.Bool // entries may lie in the cache that nothing will replace

	mu       sync.RWMutex
	literals map[string]*leaf
	wild     node
}

// New returns an empty index.
func New() *Index {
	x := &Index{seed: maphash.MakeSeed(), literals: make(map[string]*leaf)}
	x.cache.Store(newTable(minBuckets))
	return x
}

// Len returns the number of subscriptions, but for those of targets that are
// Uncounted.
func (x *Index) Len() int { return int(x.count.Load()) }

// counted returns how many s is in Len.
func counted(s *Sub) int64 {
	if s.Target != nil && s.Target.Uncounted {
		return 0
	}
	return 1
}

// Insert adds s, whose Subject must be a valid pattern. Once it returns, each
// later Lookup sees s.
func (x *Index) Insert(s *Sub) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.leafOf(s).add(s)
	x.count.Add(counted(s))
	x.changedLocked(s)
}

// Remove takes s out, and reports whether it was in.
func (x *Index) Remove(s *Sub) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.removeLocked(s)
}

// removeChunk is how many subscriptions RemoveAll takes out in one go.
const removeChunk = 256

// RemoveAll takes out all of subs, letting others in between.
func (x *Index) RemoveAll(subs []*Sub) {
	for len(subs) > 0 {
		n := min(len(subs), removeChunk)
		x.mu.Lock()
		for _, s := range subs[:n] {
			x.removeLocked(s)
		}
		x.mu.Unlock()
		subs = subs[n:]
	}
}

// Limit marks s as one that a max applies to, or no longer, so that its
// messages are counted one by one. It does nothing for a closed subscription.
func (x *Index) Limit(s *Sub, limited bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if s.limited.Swap(limited) != limited && s.at >= 0 {
		x.changedLocked(s)
	}
}

// All calls f with each subscription, in no order. f must not call the index.
func (x *Index) All(f func(*Sub)) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	for _, l := range x.literals {
		l.all(f)
	}
	x.wild.all(f)
}

// Change runs change, which alters the target that all of subs have, so that
// each later Lookup heeds it. change must not call the index.
func (x *Index) Change(subs []*Sub, change func()) {
	x.mu.Lock()
	defer x.mu.Unlock()
	change()
	for _, s := range subs {
		x.changedLocked(s)
	}
}

// Lookup returns where messages on subj go. cold is the caller's scratch: the
// result of a first miss is written there, without allocation, and is valid
// until the caller's next Lookup with it. subj is not kept.
func (x *Index) Lookup(subj []byte, cold *Entry) *Entry {
	hash := maphash.Bytes(x.seed, subj)
	if e := x.find(x.cache.Load(), hash, subj); e != nil {
		return e
	}
	return x.match(subj, hash, cold)
}

// match walks the index and enters the result into the cache if the subject
// is used more than once.
func (x *Index) match(subj []byte, hash uint64, cold *Entry) *Entry {
	cold.reset()
	cold.Subject = unsafe.String(unsafe.SliceData(subj), len(subj)) // while it is matched
	first := subj
	if i := bytes.IndexByte(subj, '.'); i >= 0 {
		first = subj[:i]
	}
	shard := &x.shards[maphash.Bytes(x.seed, first)%shards]

	x.mu.RLock()
	t := x.cache.Load()
	cold.hash = hash
	cold.table, cold.bucket, cold.shard = t, t.bucket(hash), shard
	cold.buckGen, cold.shardGen = cold.bucket.gen.Load(), shard.n.Load()
	if subject.WellFormed(subj) {
		if l := x.literals[string(subj)]; l != nil {
			l.collect(cold)
		}
		x.wild.match(subj, cold)
	}
	keep := cold.bucket.admit(hash, subj)
	if keep {
		cold.stamp = x.stamp(t, unsafe.String(unsafe.SliceData(subj), len(subj)))
	}
	x.mu.RUnlock()

	cold.finish(subj)
	if x.ghost.missed(hash, t) {
		x.grow(t)
	}
	if !keep {
		return cold
	}
	e := cold.clone(subj)
	x.enter(t, e)
	return e
}

// grow replaces the cache by one four times as large, which fills up by use.
// Entries of the old one lose their validity, as nobody raises the counters
// of its buckets any more.
func (x *Index) grow(old *table) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cache.Load() != old || len(old.buckets) >= maxBuckets {
		return
	}
	x.cache.Store(newTable(4 * len(old.buckets)))
	for i := range x.shards {
		x.shards[i].n.Add(1)
	}
}

// Sweep drops entries that are no longer valid, and with them what they hold
// of closed targets. Call it now and then.
func (x *Index) Sweep() {
	if !x.dirty.Swap(false) {
		return
	}
	t := x.cache.Load()
	for i := range t.buckets {
		x.sweep(t, &t.buckets[i])
	}
}

// changedLocked makes all entries that s may be part of invalid. It is called
// after the change.
func (x *Index) changedLocked(s *Sub) {
	x.dirty.Store(true)
	t := x.cache.Load()
	if !subject.HasWildcard(s.Subject) {
		t.bucket(maphash.String(x.seed, s.Subject)).gen.Add(1)
		return
	}
	x.stampOf(t, s.Subject).Add(1) // before the shards: see renew
	first, _, _ := strings.Cut(s.Subject, ".")
	if first == "*" || first == ">" {
		for i := range x.shards {
			x.shards[i].n.Add(1)
		}
		return
	}
	x.shards[maphash.String(x.seed, first)%shards].n.Add(1)
}

// leafOf returns the leaf for s, making the way to it.
func (x *Index) leafOf(s *Sub) *leaf {
	if !subject.HasWildcard(s.Subject) {
		l := x.literals[s.Subject]
		if l == nil {
			l = new(leaf)
			x.literals[s.Subject] = l
		}
		return l
	}
	return x.wild.leafOf(s.Subject)
}

func (x *Index) removeLocked(s *Sub) bool {
	if s.at < 0 {
		return false
	}
	if !subject.HasWildcard(s.Subject) {
		l := x.literals[s.Subject]
		if l == nil || !l.remove(s) {
			return false
		}
		if l.empty() {
			delete(x.literals, s.Subject)
		}
	} else if !x.wild.remove(s.Subject, s) {
		return false
	}
	x.count.Add(-counted(s))
	x.changedLocked(s)
	return true
}
