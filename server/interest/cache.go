package interest

import "sync/atomic"

// ways is how many entries a bucket holds. Measured: four ways are 2.4 times
// better than one on cold subjects.
const ways = 4

// bucket is one cache line of the result cache.
type bucket struct {
	entries [ways]atomic.Pointer[Entry]
	tags    [ways]atomic.Uint32 // high halves of the hashes, 0 for none
	gen     atomic.Uint64       // raised by literal SUB and UNSUB of this bucket
	seen    atomic.Uint64       // four 16-bit marks of subjects that missed lately
}

// table is the result cache: a power of two of buckets.
type table struct {
	buckets []bucket
	tokens  []atomic.Uint64 // as many; see stamp
	open    atomic.Uint64   // raised by patterns without a literal token
	mask    uint64
	regrets atomic.Int64 // sampled misses of subjects that had missed before
}

const (
	minBuckets = 1 << 8  // 16 KiB
	maxBuckets = 1 << 16 // 4 MiB, room for 262,144 subjects
)

// ghost remembers a sample of the subjects that missed, far longer than a
// bucket does, to tell a working set that the table is too small for, which
// comes back, from a scan of subjects that are used once, which does not.
type ghost [1 << 10]atomic.Uint32

// sampled is one in how many subjects the ghost takes note of: so it sees
// working sets of up to 65,536 subjects.
const sampled = 64

// missed notes a miss and reports whether the table should grow.
func (g *ghost) missed(hash uint64, t *table) bool {
	if hash>>40%sampled != 0 {
		return false
	}
	at := &g[hash>>46%uint64(len(g))]
	if old := at.Load(); old != tag(hash) {
		at.Store(tag(hash))
		return false
	}
	return t.regrets.Add(1)*sampled > int64(2*len(t.buckets))
}

func newTable(n int) *table {
	return &table{buckets: make([]bucket, n), tokens: make([]atomic.Uint64, n), mask: uint64(n - 1)}
}

func (t *table) bucket(hash uint64) *bucket { return &t.buckets[hash&t.mask] }

func tag(hash uint64) uint32 { return uint32(hash>>32) | 1 }

// find returns the entry of subject if it is valid, or can be shown to be.
func (x *Index) find(t *table, hash uint64, subject []byte) *Entry {
	b, mark := t.bucket(hash), tag(hash)
	for i := range b.tags {
		if b.tags[i].Load() != mark {
			continue
		}
		if e := b.entries[i].Load(); e != nil && e.Subject == string(subject) {
			if e.Valid() || x.renew(t, e) {
				return e
			}
			return nil
		}
	}
	return nil
}

// admit reports whether a subject that missed may be entered: at its second
// miss, or when it was in the bucket before and only needs renewal. So a scan
// of subjects that are used once flushes nothing and allocates nothing.
func (b *bucket) admit(hash uint64, subject []byte) bool {
	t := tag(hash)
	for i := range b.tags {
		if b.tags[i].Load() == t {
			if e := b.entries[i].Load(); e != nil && e.Subject == string(subject) {
				return true
			}
		}
	}
	mark := hash>>16&0xffff | 1 // not of the bits that choose the bucket
	seen := b.seen.Load()
	for s := seen; s != 0; s >>= 16 {
		if s&0xffff == mark {
			return true
		}
	}
	b.seen.Store(seen<<16 | mark)
	return false
}

// enter puts e in place of an absent or invalid entry, or else of the one that
// the hash points at. Two that enter at once may both land or one may be lost:
// it will be made again.
func (x *Index) enter(t *table, e *Entry) {
	b, at := e.bucket, int(e.hash>>20)%ways
	for i := range b.entries {
		old := b.entries[i].Load()
		if old == nil || old.Subject == e.Subject || !old.Valid() && !x.renew(t, old) {
			at = i
			break
		}
	}
	b.entries[at].Store(e)
	b.tags[at].Store(tag(e.hash))
}

// sweep drops entries that are not valid.
func (x *Index) sweep(t *table, b *bucket) {
	for i := range b.entries {
		e := b.entries[i].Load()
		if e != nil && !e.Valid() && !x.renew(t, e) && b.entries[i].CompareAndSwap(e, nil) {
			b.tags[i].Store(0)
		}
	}
}

// shards is how many counters the first tokens of wildcard subjects share.
const shards = 256

// counter has a cache line of its own.
type counter struct {
	n atomic.Uint64
	_ [56]byte
}
