package interest

import (
	"sync"
	"sync/atomic"
)

// Target is a receiver of messages: a connection, or a consumer inside the
// server. Its owner embeds it and fills it in before the first Insert.
type Target struct {
	// Ordinal is a small number, unique among the targets of the server that
	// are alive: staging finds a target's slot by it. From [Ordinals].
	Ordinal uint32
	// Sink takes the staged messages. Immutable.
	Sink Sink

	// NoEcho: messages of its own are not delivered to it.
	// NoHeaders: it gets header blocks cut off.
	// Once there are subscriptions, both change only in [Index.Change].
	NoEcho, NoHeaders bool

	// Generation counts the subscriptions that the target has given up. Who
	// stages messages records it before, and the sink compares: what was
	// staged for a subscription that is gone is dropped (design: a message
	// must not follow the PONG that followed its UNSUB).
	Generation atomic.Uint64
	// Gone is set when the target takes no more messages.
	Gone atomic.Bool
	// Full is set while the target's queue is so long that a member of a
	// queue group is better passed over.
	Full atomic.Bool
}

// Sink takes messages for a target.
type Sink interface {
	// Submit takes what one batch staged, and reports false when the target
	// is closed and took nothing. It keeps nothing of b and does not block.
	// Msgs and Bytes are set to what was taken. A frame whose subscription is closed, or has had all that it asked
	// for, is left out; if that is a member of a queue group, the frame is
	// listed in b.Dropped, for another member to take.
	Submit(b *Staged) bool
}

// Staged is what one batch of a publisher holds for one target: complete MSG
// and HMSG frames in publish order.
type Staged struct {
	Data []byte
	// Counts says for which subscriptions the frames in Data are, in order.
	// What lies between them is other output, of the target's own.
	Counts     []Count
	Msgs       int
	Bytes      int    // header blocks and payloads
	Generation uint64 // the target's, as it was before anything was staged

	// Set by Submit.
	Dropped []Frame
	// Slow is not nil when the publisher should wait a little before it goes
	// on, as the target has fallen far behind. It is closed when the target
	// has caught up.
	Slow <-chan struct{}
}

// Count says for which subscription N frames are that lie one behind the
// other from byte At on.
type Count struct {
	Sub   *Sub
	N, At int
}

// Frame is one frame that was staged for Sub.
type Frame struct {
	Sub  *Sub
	Data []byte
}

// Sub is one subscription. The exported fields are immutable from Insert on,
// unless they say otherwise.
type Sub struct {
	Subject string
	Queue   string // empty: a plain subscription
	Sid     string
	Target  *Target

	// Delivered and Max belong to the target's owner and are guarded by its
	// lock. Max is 0 for no limit.
	Delivered, Max uint64

	closed  atomic.Bool
	limited atomic.Bool
	at      int // position in its leaf; guarded by Index.mu
}

// Closed reports whether the subscription was given up. It turns true before
// the target's Generation moves.
func (s *Sub) Closed() bool { return s.closed.Load() }

// Close marks the subscription as given up, and reports whether it was open.
// The caller removes it from the index and raises the target's Generation.
func (s *Sub) Close() bool { return s.closed.CompareAndSwap(false, true) }

// Ordinals hands out small numbers. The zero value is ready to use.
type Ordinals struct {
	mu   sync.Mutex
	free []uint32
	next uint32
}

// Take returns a number that nobody has.
func (o *Ordinals) Take() uint32 {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.free); n > 0 {
		i := o.free[n-1]
		o.free = o.free[:n-1]
		return i
	}
	o.next++
	return o.next - 1
}

// Give returns a number that Take handed out.
func (o *Ordinals) Give(i uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.free = append(o.free, i)
}
