package delivery

import (
	"math/rand/v2"

	"moonwire/server/interest"
	"moonwire/server/reuse"
	"moonwire/server/wire"
)

const (
	// maxStaged is how many bytes a context holds before it flushes.
	maxStaged = 1 << 20
	// maxSlot is how many bytes a slot holds before it is submitted.
	maxSlot = 256 << 10
	// direct is from how many bytes on a run is submitted from the buffer it
	// was encoded in, without a copy in the slot.
	direct = 8 << 10
	// maxKept is how many bytes of buffers an idle context keeps.
	maxKept = 2 << 20
)

// Context is the delivery of one publisher's batch. Get one from a [Pool].
type Context struct {
	// Msgs and Bytes count what targets have taken since Get: messages, and
	// the bytes of their headers and payloads.
	Msgs, Bytes int

	own    *interest.Target
	index  *interest.Index
	slots  []slot
	high   int   // the most slots since Get
	refs   []ref // by ordinal of the target
	epoch  uint32
	staged int // bytes in all slots

	last    *interest.Entry // of the message before, nil or not cold
	cold    interest.Entry
	again   interest.Entry // of replies
	run     run
	scratch []byte            // a run, encoded for one prefix
	single  slot              // what is handed over without a slot of the batch
	refused []interest.Frame  // of queue groups, for other members
	origins []origin          // of frames that do not tell where they were published
	into    *interest.Index   // what a relay publishes into; nil where there is none
	depth   int               // of relays
	passed  []any             // what the message at hand passed; see Once
	deep    []*interest.Entry // cold, by depth
	pace    pace
	ownSlot int // the place of the publisher's own slot, or -1
	rng     rand.PCG
}

// slot is what is staged for one target.
type slot struct {
	target *interest.Target
	interest.Staged
	end int // of the last frame in Data
}

// pace is how the receivers of a publisher keep up with it.
type pace struct {
	handed int             // slots handed over to others
	behind int             // of which so many to targets that have fallen far behind
	slow   <-chan struct{} // the last of those; see [interest.Staged]
}

// ref finds a target's slot.
type ref struct {
	epoch uint32
	at    uint32
}

// run is the messages in a row that go to the same fan-out.
type run struct {
	entry *interest.Entry
	tails []tail
	bytes int
}

type tail struct {
	data   []byte
	size   int
	header bool
}

// Pool keeps contexts for reuse. The zero value is ready to use.
type Pool struct{ free reuse.List[Context] }

// Get returns a context for a batch of own's, published into index.
func (p *Pool) Get(own *interest.Target, index *interest.Index) *Context {
	c := p.free.Get()
	if c == nil {
		c = &Context{epoch: 1}
		c.rng.Seed(rand.Uint64(), rand.Uint64())
	}
	c.own, c.index = own, index
	c.ownSlot = -1
	c.Msgs, c.Bytes, c.pace = 0, 0, pace{}
	return c
}

// Put takes back a context that was flushed.
func (p *Pool) Put(c *Context) {
	c.own, c.index, c.last, c.pace = nil, nil, nil, pace{}
	c.into, c.depth = nil, 0 // after a panic they are not
	clear(c.passed[:cap(c.passed)])
	c.passed = c.passed[:0]
	kept, used := 0, c.slots[:c.high]
	for i := range used {
		if kept += cap(used[i].Data); kept > maxKept {
			used[i].Data = nil
		}
	}
	c.high = 0
	if cap(c.scratch) > maxKept {
		c.scratch = nil
	}
	p.free.Put(c)
}

// Rebind makes index the one that later messages are published into. What was
// published before is flushed.
func (c *Context) Rebind(index *interest.Index) {
	c.Flush()
	c.index, c.last = index, nil
}

// Slow returns what the publisher should wait for a moment before it goes on:
// not nil when most of what it handed over since Renew went to targets that
// have fallen far behind. Then it is the publisher that is too fast. A target
// that is alone in that is its own trouble, and holds up nobody else.
func (c *Context) Slow() <-chan struct{} {
	if 2*c.pace.behind <= c.pace.handed {
		return nil
	}
	return c.pace.slow
}

// Renew begins to count anew for Slow.
func (c *Context) Renew() { c.pace = pace{} }

// slot returns the slot of t, opening one if t has none. The pointer is valid
// until the next call.
func (c *Context) slot(t *interest.Target) *slot {
	if o := int(t.Ordinal); o < len(c.refs) {
		if r := c.refs[o]; r.epoch == c.epoch {
			if s := &c.slots[r.at]; s.target == t {
				return s
			}
		}
	}
	return c.open(t)
}

func (c *Context) open(t *interest.Target) *slot {
	o := int(t.Ordinal)
	if o >= len(c.refs) {
		c.refs = append(c.refs, make([]ref, o+1-len(c.refs))...)
	}
	if c.refs[o].epoch == c.epoch {
		// The number was another's until lately, and both are in this batch.
		// A target has one slot, or its order would be lost.
		for i := range c.slots {
			if c.slots[i].target == t {
				c.refs[o].at = uint32(i)
				return &c.slots[i]
			}
		}
	}
	at := len(c.slots)
	if at < cap(c.slots) {
		c.slots = c.slots[:at+1]
	} else {
		c.slots = append(c.slots, slot{})
	}
	c.refs[o] = ref{epoch: c.epoch, at: uint32(at)}
	s := &c.slots[at]
	s.target = t
	s.Generation = t.Generation.Load()
	if t == c.own {
		c.ownSlot = at
	}
	return s
}

// close forgets all slots.
func (c *Context) close() {
	for i := range c.slots {
		s := &c.slots[i]
		s.target = nil
		s.clear()
	}
	c.high = max(c.high, len(c.slots))
	c.slots = c.slots[:0]
	clear(c.origins)
	c.origins = c.origins[:0]
	c.staged, c.ownSlot = 0, -1
	if c.epoch++; c.epoch == 0 {
		clear(c.refs)
		c.epoch = 1
	}
}

// clear empties the slot, keeping its memory. The generation stays: what is
// staged next is compared with an older one, which is always safe.
func (s *slot) clear() {
	clear(s.Counts)
	clear(s.Dropped)
	s.Staged = interest.Staged{
		Data: s.Data[:0], Counts: s.Counts[:0], Dropped: s.Dropped[:0],
		Generation: s.Generation,
	}
}

// count notes that n frames for sub lie in s from byte at on, with size bytes
// of header blocks and payloads in all.
func (s *slot) count(sub *interest.Sub, n, size, at int) {
	s.Msgs += n
	s.Bytes += size
	last := len(s.Counts) - 1
	if last >= 0 && s.Counts[last].Sub == sub && s.end == at {
		s.Counts[last].N += n
	} else {
		s.Counts = append(s.Counts, interest.Count{Sub: sub, N: n, At: at})
	}
	s.end = len(s.Data)
}

// Own appends out to the publisher's own output: answers that belong behind
// all that was published so far.
func (c *Context) Own(out string) {
	s := c.ownSlotNow()
	s.Data = append(s.Data, out...)
	c.answered(s, len(out))
}

// OwnError appends the -ERR line of e to the publisher's own output.
func (c *Context) OwnError(e *wire.Error) {
	s := c.ownSlotNow()
	before := len(s.Data)
	s.Data = wire.AppendError(s.Data, e)
	c.answered(s, len(s.Data)-before)
}

// OwnInfo appends an INFO line to the publisher's own output.
func (c *Context) OwnInfo(t *wire.Template, o *wire.Own) {
	s := c.ownSlotNow()
	before := len(s.Data)
	s.Data = t.Append(s.Data, o)
	c.answered(s, len(s.Data)-before)
}

// OwnNoResponders appends the status of a request of the publisher's that nobody
// took, if the publisher has a plain subscription on the reply subject. Subject is
// that of the request as the publisher may hear of it. As in nats-server it is no
// message to the counters, nor to the max of the subscription.
func (c *Context) OwnNoResponders(reply, subject []byte) {
	c.ownStatus(wire.NoResponders, reply, subject, false)
}

// OwnDenied is OwnNoResponders for a request that may not be published. It counts as
// any message does.
func (c *Context) OwnDenied(reply, subject []byte) {
	c.ownStatus(wire.Denied, reply, subject, true)
}

func (c *Context) ownStatus(line string, reply, subject []byte, counts bool) {
	to := c.ownMember(reply)
	if to == nil {
		return
	}
	s := c.ownSlotNow()
	at, size := len(s.Data), 0
	s.Data, size = wire.AppendStatus(s.Data, line, reply, to.Sub.Sid, subject)
	if counts {
		s.count(to.Sub, 1, size, at)
	}
	c.answered(s, len(s.Data)-at)
	if counts && to.Care&interest.CareLimited != 0 {
		c.Flush() // it counts now: an UNSUB that follows does not take it back
	}
}

// ownMember returns a plain member of the publisher's among those that are
// interested in subject, or nil. It is valid until the next call.
func (c *Context) ownMember(subject []byte) *interest.Member {
	e := c.index.Lookup(subject, &c.again)
	for _, members := range [...][]interest.Member{e.Fan, e.Each} {
		for i := range members {
			if members[i].Target == c.own {
				return &members[i]
			}
		}
	}
	return nil
}

// ownSlotNow returns the publisher's own slot, with all staged that was
// published so far.
func (c *Context) ownSlotNow() *slot {
	c.EndRun()
	return c.slot(c.own)
}

// answered notes n more bytes in the publisher's own slot. Like any other it
// is not let grow without end; all else leaves before it.
func (c *Context) answered(s *slot, n int) {
	c.staged += n
	if len(s.Data) >= maxSlot {
		c.Flush()
	}
}
