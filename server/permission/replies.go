package permission

import (
	"hash/maphash"
	"sync"
	"time"

	"moonwire/server/config"
)

const (
	// maxReplies and maxReplyBytes bound what Replies holds.
	maxReplies    = 64 << 10
	maxReplyBytes = 4 << 20
	// keptBytes is the longest reply subject whose memory is kept for the next.
	keptBytes = 128
	// prunes is how many expired replies one call lets go at most. More than
	// one, so that they go faster than they come.
	prunes = 8
)

// Replies are the reply subjects that a connection may publish to because it
// received requests. They hold the latest 65536, or fewer where these are longer
// than 4 MiB together; older ones are dropped. The nil Replies hold nothing, and
// stay so. It is safe for concurrent use.
type Replies struct {
	max     int           // negative: unlimited. immutable
	expires time.Duration // negative: for ever. immutable
	seed    maphash.Seed  // immutable

	mu struct {
		sync.Mutex
		// index finds a reply by the hash of its subject. Of two with one hash
		// the older is dropped.
		index map[uint64]int32
		// replies[0] is the head of a ring, in order of time: next is the oldest.
		// Those not in use are linked by next from free; 0 ends the row.
		replies []reply
		free    int32
		bytes   int // of all subjects
	}
}

type reply struct {
	subj       []byte
	hash       uint64
	at         time.Time // of the request
	left       int       // uses
	prev, next int32
}

// NewReplies returns the Replies of one connection; nil if r is nil, that is, if
// the connection may not answer.
func NewReplies(r *config.Responses) *Replies {
	if r == nil {
		return nil
	}
	c := complete(*r)
	s := &Replies{max: c.Max, expires: c.Expires, seed: maphash.MakeSeed()}
	s.resetLocked()
	return s
}

func (r *Replies) resetLocked() {
	r.mu.index = make(map[uint64]int32)
	r.mu.replies = make([]reply, 1)
	r.mu.free = 0
}

// Add lets reply be published to from now on. The same reply seen again has all
// its uses and its time anew. The subject is copied. Only those that Set.Publish
// refuses need to be added.
func (r *Replies) Add(reply []byte, now time.Time) {
	if r == nil || len(reply) == 0 {
		return
	}
	h := maphash.Bytes(r.seed, reply)
	r.mu.Lock()
	defer r.mu.Unlock()
	if i, ok := r.mu.index[h]; ok {
		r.dropLocked(i)
	}
	r.pruneLocked(now)
	for len(r.mu.index) >= maxReplies || len(r.mu.index) > 0 && r.mu.bytes+len(reply) > maxReplyBytes {
		r.dropLocked(r.oldestLocked())
	}
	r.insertLocked(reply, h, now)
}

// Use reports whether subj may be published to, and takes one of its uses.
func (r *Replies) Use(subj []byte, now time.Time) bool {
	if r == nil {
		return false
	}
	h := maphash.Bytes(r.seed, subj)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pruneLocked(now)
	i, ok := r.mu.index[h]
	if !ok || string(r.mu.replies[i].subj) != string(subj) {
		return false
	}
	if r.expiredLocked(i, now) {
		r.dropLocked(i)
		return false
	}
	if r.max < 0 {
		return true
	}
	if r.mu.replies[i].left--; r.mu.replies[i].left == 0 {
		r.dropLocked(i)
	}
	return true
}

// Len returns how many replies there are. Some of them may have expired.
func (r *Replies) Len() int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.mu.index)
}

func (r *Replies) oldestLocked() int32 { return r.mu.replies[0].next }

// expiredLocked reports whether there is a reply i and its time is over.
func (r *Replies) expiredLocked(i int32, now time.Time) bool {
	return i != 0 && r.expires >= 0 && now.Sub(r.mu.replies[i].at) > r.expires
}

// pruneLocked drops the oldest of those whose time is over.
func (r *Replies) pruneLocked(now time.Time) {
	for n := 0; n < prunes && r.expiredLocked(r.oldestLocked(), now); n++ {
		r.dropLocked(r.oldestLocked())
	}
}

// insertLocked adds a reply as the latest.
func (r *Replies) insertLocked(subj []byte, hash uint64, now time.Time) {
	i := r.mu.free
	if i == 0 {
		i = int32(len(r.mu.replies))
		r.mu.replies = append(r.mu.replies, reply{})
	} else {
		r.mu.free = r.mu.replies[i].next
	}
	e, head := &r.mu.replies[i], &r.mu.replies[0]
	e.subj, e.hash, e.at, e.left = append(e.subj[:0], subj...), hash, now, r.max
	e.prev, e.next = head.prev, 0
	r.mu.replies[head.prev].next, head.prev = i, i
	r.mu.index[hash] = i
	r.mu.bytes += len(subj)
}

// dropLocked forgets reply i. When many were there and none is left, it gives
// back their memory.
func (r *Replies) dropLocked(i int32) {
	e := &r.mu.replies[i]
	r.mu.replies[e.prev].next, r.mu.replies[e.next].prev = e.next, e.prev
	delete(r.mu.index, e.hash)
	r.mu.bytes -= len(e.subj)
	if len(r.mu.index) == 0 && len(r.mu.replies) > 1024 {
		r.resetLocked()
		return
	}
	if cap(e.subj) > keptBytes {
		e.subj = nil
	}
	e.next, r.mu.free = r.mu.free, i
}
