package plugins

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"moonwire/hooks"
)

// batch is requests that go in one frame: those of one Do, unless they are too
// many. Ids are the batch's name and the place in it. One without requests is
// what the plugin has to know before or after others.
type batch struct {
	name     uint64
	data     []byte // fields of a Batch
	requests int
	most     int           // bytes that a reply may have
	replies  [][]byte      // by place; nil: not there yet, empty: it had more than most
	done     chan struct{} // has room for one
	err      error         // set before done is told
	late     bool          // err is that of ctx; set before done is told

	ctx      context.Context // of who waits; until done is told
	deadline time.Time       // of ctx; zero: none

	at    int   // place in waiting.list; guarded by link.mu
	left  int   // not answered yet; guarded by link.mu
	frame *sent // guarded by link.mu; nil before it is written
	stale bool  // nobody waits, and it is in the queue; guarded by link.mu
	gone  bool  // it is refs to forget; guarded by link.mu
	waits bool  // it is of connect, where a plugin may take its time
}

// sent is a frame that was written. Guarded by link.mu.
type sent struct {
	left int
	// beside: what is asked does not count for the window. A plugin may ask somebody
	// else before it lets a client in, and messages must not wait for that.
	beside bool
}

// placeBits is how many bits of an id are the place in its batch.
const placeBits = 20

// mostKept is how many bytes of a batch are kept for another.
const mostKept = 1 << 20

// mostReply is how many bytes a reply may have besides a message.
const mostReply = 1 << 20

// newBatch returns an empty batch.
func (p *Plugin) newBatch() *batch {
	if b, ok := p.batches.Get().(*batch); ok {
		return b
	}
	return &batch{done: make(chan struct{}, 1)}
}

// release gives back a batch that nothing else knows of.
func (p *Plugin) release(b *batch) {
	clear(b.replies)
	b.data, b.replies, b.frame, b.requests, b.ctx = b.data[:0], b.replies[:0], nil, 0, nil
	if cap(b.data) <= mostKept {
		p.batches.Put(b)
	}
}

// encode makes a batch of the first of some calls: as many as go in one frame.
func (l *link) encode(e *encoder, calls []*hooks.Call, timeout time.Duration) *batch {
	b, o := l.plugin.newBatch(), &l.plugin.o
	b.name, b.waits, b.most = l.lastBatch.Add(1), e.point == hooks.AtConnect, mostReply
	var of *hooks.Client
	var ref uint64
	for i, c := range calls {
		if i > 0 && (i == o.BatchMax || len(b.data)+sizeOf(c) > o.BatchBytes) {
			break
		}
		if c.Client != of { // those that a shadow hook is asked about are of many
			of, ref = c.Client, l.ref(c.Client, e.mask)
		}
		b.data = e.appendRequest(b.data, b.name<<placeBits|uint64(i), ref, c, timeout)
		b.requests++
		if e.point == hooks.AtInspect {
			b.most = max(b.most, mostReplyAbout(c))
		}
	}
	b.left = b.requests
	if cap(b.replies) < b.requests {
		b.replies = make([][]byte, b.requests)
	}
	b.replies = b.replies[:b.requests]
	return b
}

// mostShared is how large a frame may be that is held for a small reply in it.
const mostShared = 256 << 10

// keep keeps a reply of a frame until the others of the batch are there. A plugin
// could fill the memory by what it sends beside it: as many replies are kept as the
// window lets out.
func (b *batch) keep(place uint64, reply []byte, whole int) {
	switch {
	case len(reply) > b.most:
		reply = []byte{}
	case whole > mostShared && len(reply) < whole/2:
		reply = bytes.Clone(reply)
	}
	b.replies[place] = reply
}

// mostReplyAbout is how many bytes a reply may have that may change a message.
func mostReplyAbout(c *hooks.Call) int {
	if c.MaxPayload <= 0 { // no limit
		return mostReplies
	}
	return mostReply + c.MaxPayload
}

// ask puts questions to the process and waits for the answers: each call has Out
// or Err then. An error is why the link is dead, and Err of the calls that have no
// answer because of it; sent reports whether the process may have seen them.
func (l *link) ask(ctx context.Context, e *encoder, calls []*hooks.Call) (sent bool, err error) {
	var few [4]*batch
	batches, timeout := few[:0], time.Duration(0)
	deadline, bounded := ctx.Deadline()
	if bounded {
		timeout = max(time.Until(deadline), time.Millisecond)
	}
	for rest := calls; len(rest) > 0; rest = rest[batches[len(batches)-1].requests:] {
		b := l.encode(e, rest, timeout)
		b.ctx, b.deadline = ctx, deadline
		batches = append(batches, b)
	}
	if err := l.enqueue(batches); err != nil {
		for _, c := range calls {
			c.Err = err
		}
		return false, err
	}
	for _, b := range batches {
		<-b.done // when its time is over, too
		n := b.requests
		b.give(calls[:n], e.point)
		calls = calls[n:]
		switch {
		case b.err == nil:
			l.plugin.release(b)
		case !b.late:
			err = b.err
		case !errors.Is(b.err, context.Canceled):
			l.doubt()
		}
	}
	return true, err
}

// give gives the calls of a batch their answers, or its error to those that have
// none.
func (b *batch) give(calls []*hooks.Call, p hooks.Point) {
	for i, r := range b.replies {
		switch {
		case r == nil:
			calls[i].Err = b.err
		case len(r) == 0:
			calls[i].Err = &hooks.Error{Kind: hooks.KindBadReply, Err: fmt.Errorf("the reply has more than %d bytes", b.most)}
		default:
			answer(calls[i], p, r)
		}
	}
}
