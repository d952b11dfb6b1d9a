//go:build linux

package load

// publisher sends a stream, as fast as its window allows or to a schedule. It
// is also the role of its connection: with Nobody, PONGs tell how far the
// server is; for a requester, see requester.
type publisher struct {
	silent
	conn      *conn
	stream    *stream
	block     *block
	next      uint64 // number of the next message
	unbatched bool
	pongEach  bool   // a PONG stands for a block that nobody receives
	ponged    uint64 // blocks that were answered
	onSend    func(first uint64, n int, now int64)
}

// step implements worker.
func (p *publisher) step(now int64, ph phase) (bool, int64, error) {
	c := p.conn
	if ph >= draining || !c.idle() {
		return false, never, nil // what is unfinished goes on when the socket has room
	}
	limit, due := p.limit(now)
	sent := p.next < limit
	for p.next < limit {
		n := min(limit-p.next, uint64(p.block.count)-p.next%uint64(p.block.count))
		if p.unbatched {
			n = 1
		}
		c.block = p.block.fill(p.next, int(n))
		if p.stream.period > 0 {
			c.loop.recordLate(p.stream.dueAt(p.next))
		}
		if p.onSend != nil {
			p.onSend(p.next, int(n), now)
		}
		p.next += n
		p.stream.published.Store(p.next)
		if err := c.flush(); err != nil {
			return false, never, named(c, err)
		}
		if !c.idle() {
			return false, due, nil
		}
		if !p.unbatched {
			break
		}
	}
	// Without a time to come back at, the next step has to find out that there
	// is no more room, and to ask the receivers for a wake-up.
	return sent && (p.next < limit || due == never), due, nil
}

// limit returns up to which number may be sent now, and when to look again.
func (p *publisher) limit(now int64) (limit uint64, due int64) {
	s := p.stream
	due = never
	limit = s.room()
	if limit == p.next {
		// Tell the receivers to wake this loop, and look again: the chunk may
		// have been counted in between.
		s.blocked.Store(true)
		limit = s.room()
	}
	if s.period > 0 {
		limit = min(limit, max(s.dueBy(now), p.next))
		due = s.dueAt(limit)
		if due <= now {
			due = never // late already: the window, not the clock, holds it back
		}
	}
	return limit, due
}

// pong implements handler.
func (p *publisher) pong(c *conn) error {
	if p.pongEach {
		p.stream.count(c.loop, p.ponged, 1)
		p.ponged++
		c.loop.units += int64(p.block.count)
	}
	return nil
}
