package delivery

import (
	"moonwire/server/interest"
	"moonwire/server/wire"
)

// EndRun stages the messages of the run. The caller ends it before it reuses
// the buffer that the messages lie in, and before any operation that is not a
// publish.
func (c *Context) EndRun() {
	r := &c.run
	if len(r.tails) == 0 {
		return
	}
	e, n, size := r.entry, len(r.tails), 0
	for i := range r.tails {
		size += r.tails[i].size
	}
	for _, same := range e.Runs {
		members := e.Fan[same.From:same.To]
		c.scratch = r.encode(c.scratch[:0], e.Prefix(&members[0]))
		for i := range members {
			c.all(&members[i], n, size)
		}
	}
	clear(r.tails)
	*r = run{tails: r.tails[:0]}
}

// encode appends all messages of the run as frames with one prefix.
func (r *run) encode(dst, prefix []byte) []byte {
	for i := range r.tails {
		t := &r.tails[i]
		if t.header {
			dst = append(dst, prefix...)
		} else {
			dst = append(dst, prefix[1:]...)
		}
		dst = append(dst, t.data...)
	}
	return dst
}

// all gives the n frames in c.scratch to one member: a long run goes at once,
// from where it lies; a short one into the member's slot.
func (c *Context) all(to *interest.Member, n, size int) {
	s := c.slot(to.Target)
	if to.Sub.Closed() {
		return
	}
	if len(c.scratch) < direct || to.Target == c.own {
		at := len(s.Data)
		s.Data = append(s.Data, c.scratch...)
		s.count(to.Sub, n, size, at)
		c.staged += len(c.scratch)
		return
	}
	if len(s.Data) > 0 {
		c.submit(s)
	}
	one := c.alone(to.Target)
	one.Generation = s.Generation
	one.count(to.Sub, n, size, 0)
	kept := one.Data
	one.Data = c.scratch
	c.hand(one)
	one.Data = kept
}

// alone returns an empty slot for frames that are handed over at once. It is
// valid until the next call.
func (c *Context) alone(t *interest.Target) *slot {
	s := &c.single
	s.clear()
	s.target = t
	s.Generation = t.Generation.Load()
	return s
}

// submit hands over what is in s and empties it. Frames of queue groups that
// the target refuses are kept for others.
func (c *Context) submit(s *slot) {
	c.staged -= len(s.Data)
	if !c.hand(s) {
		c.refuse(s)
	}
	for _, f := range s.Dropped {
		c.refused = append(c.refused, interest.Frame{Sub: f.Sub, Data: append([]byte(nil), f.Data...)})
	}
	s.clear()
}

// hand submits s and counts what was taken.
func (c *Context) hand(s *slot) bool {
	if !s.target.Sink.Submit(&s.Staged) {
		s.Msgs = 0
		return false
	}
	c.Msgs += s.Msgs
	c.Bytes += s.Bytes
	if s.target != c.own {
		c.pace.handed++
		if s.Slow != nil {
			c.pace.behind++
			c.pace.slow = s.Slow
		}
	}
	return true
}

// refuse keeps the frames of queue groups in s.
func (c *Context) refuse(s *slot) {
	var m wire.Pub
	for _, count := range s.Counts {
		data := s.Data[count.At:]
		for range count.N {
			n := wire.NextFrame(data, &m)
			if count.Sub.Queue != "" && n > 0 {
				frame := append([]byte(nil), data[:n]...)
				c.refused = append(c.refused, interest.Frame{Sub: count.Sub, Data: frame})
			}
			data = data[n:]
		}
	}
}

// Flush submits all that is staged: first to others, in the order in which
// their slots were opened, the publisher's own output last.
func (c *Context) Flush() {
	c.FlushOthers()
	c.FlushOwn()
}

// FlushOthers is the first half of Flush: all but the publisher's own output.
// Nothing may be staged between the halves.
func (c *Context) FlushOthers() {
	c.EndRun()
	c.submitOthers()
}

// submitOthers submits all slots but the publisher's own, until no frame of a
// queue group is left that somebody refused.
func (c *Context) submitOthers() {
	for {
		for i := range c.slots {
			if s := &c.slots[i]; i != c.ownSlot && len(s.Data) > 0 {
				c.submit(s)
			}
		}
		if len(c.refused) == 0 {
			return
		}
		c.redirect()
	}
}

// FlushOwn is the second half of Flush.
func (c *Context) FlushOwn() {
	if c.ownSlot >= 0 {
		s := &c.slots[c.ownSlot]
		if len(s.Data) > 0 {
			// What the publisher gave up itself came after its messages to
			// itself: they are not compared.
			s.Generation = s.target.Generation.Load()
			c.submit(s)
		}
	}
	if len(c.refused) > 0 {
		c.redirect()
		c.submitOthers()
	}
	c.close()
}

// redirect stages the refused frames for other members of their groups. Each
// member that refuses is closed or gone from the index by then, so this comes
// to an end.
func (c *Context) redirect() {
	frames, into := c.refused, c.into
	c.refused = nil
	again := new(interest.Entry) // of its own: handing over may redirect in turn
	for i := range frames {
		var m wire.Pub
		if wire.NextFrame(frames[i].Data, &m) == 0 {
			continue
		}
		c.into = nil
		index := c.index
		if o := c.originOf(&frames[i]); o != nil {
			m.Subject = []byte(o.entry.Subject)
			if c.into = o.into; o.into != nil {
				index = o.into
			}
		}
		e := index.Lookup(m.Subject, again)
		for g := range e.Groups {
			if e.Groups[g].Queue == frames[i].Sub.Queue {
				c.group(e, &e.Groups[g], &m, frames[i].Sub)
			}
		}
	}
	c.into = into
}
