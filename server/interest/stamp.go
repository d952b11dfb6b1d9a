package interest

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
)

// A wildcard SUB or UNSUB makes all entries of a first token doubtful, most of
// which it has nothing to do with: orders.*.paid.4711 does not match
// orders.oslo.new. What tells them apart is a token that the pattern has and
// the subject has not. So each pattern raises a second counter as well, which
// its last literal token and that token's place choose, and the entry of a
// subject remembers the sum of the counters of all its tokens: as long as the
// sum is the same, no pattern has changed that could match. It is looked at
// only when the shard's counter has moved, and costs a fraction of a match.

// stamp returns the sum of the counters that a wildcard SUB or UNSUB raises if
// its pattern may match subj. Counters only grow: equal sums mean that none of
// them has changed.
func (x *Index) stamp(t *table, subj string) uint64 {
	sum := t.open.Load()
	for place := uint64(0); ; place++ {
		i := strings.IndexByte(subj, '.')
		if i < 0 {
			return sum + t.token(x.seed, place, subj).Load()
		}
		sum += t.token(x.seed, place, subj[:i]).Load()
		subj = subj[i+1:]
	}
}

// stampOf returns the counter that a SUB or UNSUB of pattern raises.
func (x *Index) stampOf(t *table, pattern string) *atomic.Uint64 {
	c := &t.open
	for place := uint64(0); ; place++ {
		token, rest, more := strings.Cut(pattern, ".")
		if token != "*" && (token != ">" || more) {
			c = t.token(x.seed, place, token)
		}
		if !more {
			return c
		}
		pattern = rest
	}
}

// token returns the counter of a token in a place.
func (t *table) token(seed maphash.Seed, place uint64, token string) *atomic.Uint64 {
	const odd = 0x9e3779b97f4a7c15 // spreads the places over the counters
	return &t.tokens[(maphash.String(seed, token)+place*odd)&t.mask]
}

// renew makes e, of which a SUB or UNSUB of some pattern has changed the
// shard, valid again if that cannot have been one that matches its subject.
func (x *Index) renew(t *table, e *Entry) bool {
	if e.table != t || e.bucket.gen.Load() != e.buckGen {
		return false
	}
	// Raised in the other order: what this counter has seen, the stamp has.
	shardGen := e.shard.n.Load()
	if x.stamp(t, e.Subject) != e.stamp {
		return false
	}
	atomic.StoreUint64(&e.shardGen, shardGen)
	return true
}
