package interest

import (
	"sync"
	"sync/atomic"

	"moonwire/server/wire"
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
	// Relays: Sink is a [Relay], which gets messages one by one and at once in
	// place of staged ones. Immutable.
	Relays bool
	// Uncounted: its subscriptions are the server's own, and not in
	// [Index.Len]. Immutable.
	Uncounted bool

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

// Relay passes messages on into another index. It is a [Sink] to which nothing
// is ever submitted.
type Relay interface {
	Sink
	// Relay passes on m, which was published to a subject that s matches, by
	// b.Into, and reports whether anybody took it. It keeps nothing of m and b,
	// holds no lock when it calls b, and does not block. It is not called for a
	// closed subscription.
	Relay(b Batch, s *Sub, m *wire.Pub) (taken bool)
}

// Batch is the delivery of what one publisher published, as a [Relay] sees it.
type Batch interface {
	// Into publishes m into x, in order with all else in the batch, and reports
	// whether anybody took it. Shadows do not get it: what came from another
	// index goes to no third one by itself. It keeps nothing of m.
	Into(x *Index, m *wire.Pub) (taken bool)
	// Publisher is who published the batch.
	Publisher() *Target
	// Relayed reports whether the message came by way of another relay.
	Relayed() bool
	// Once reports whether this is the first relay on the way of the message that
	// calls it with by, which is compared with ==. A message that would pass the
	// same again goes in a circle.
	Once(by any) bool
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

	shadow  *shadow // nil for all but shadows and those with a filter
	closed  atomic.Bool
	limited atomic.Bool
	at      int // position in its leaf; guarded by Index.mu
}

// Renamer gives published subjects the names under which they are delivered. It
// is compared with ==: two that are equal give the same names.
type Renamer interface {
	// Append appends the name of subject to dst. It keeps neither.
	Append(dst, subject []byte) []byte
}

// Filter says what is not delivered to a subscription.
type Filter interface {
	// Denies reports whether messages on a subject, as it is delivered, are left
	// out. It keeps nothing of it.
	Denies(subject []byte) bool
}

// shadow is what only few subscriptions have.
type shadow struct {
	of     *Sub    // what it stands for; nil if it is no shadow
	name   Renamer // nil: as published
	filter Filter  // nil: nothing is left out
}

// SetFilter has some messages left out; nil takes that back. It is called before
// Insert or in [Index.Change].
func (s *Sub) SetFilter(f Filter) {
	if f != nil || s.shadow != nil {
		s.shadow = &shadow{filter: f}
	}
}

// denies reports whether a published message is left out.
func (s *Sub) denies(subject []byte) bool {
	x := s.shadow
	if x.of == nil {
		return x.filter != nil && x.filter.Denies(subject)
	}
	if x.of.shadow == nil || x.of.shadow.filter == nil {
		return false
	}
	if x.name != nil {
		subject = x.name.Append(nil, subject)
	}
	return x.of.shadow.filter.Denies(subject)
}

// Shadow returns a subscription to pattern for another index than that of s, with
// the queue and the target of s. What it matches is delivered under the name that
// name gives it, as a message of s: the shadow itself is seen only by its index,
// which entries, [Staged] and [Frame] name s in place of. A nil name leaves
// subjects as they are. It is limited if s is; later calls of [Index.Limit] and
// [Index.Change] for s are to be made for its shadows too.
func (s *Sub) Shadow(pattern string, name Renamer) *Sub {
	c := &Sub{Subject: pattern, Queue: s.Queue, Sid: s.Sid, Target: s.Target, shadow: &shadow{of: s, name: name}}
	c.limited.Store(s.limited.Load())
	return c
}

// IsShadow reports whether the subscription stands for one of another index.
func (s *Sub) IsShadow() bool { return s.shadow != nil && s.shadow.of != nil }

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
