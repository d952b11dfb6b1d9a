package delivery

import (
	"moonwire/server/interest"
	"moonwire/server/wire"
)

// Publish stages m for all who are interested, and reports whether anybody is.
func (c *Context) Publish(m *wire.Pub) bool {
	e := c.last
	if e == nil || e.Subject != string(m.Subject) || !e.Valid() {
		c.EndRun()
		e = c.index.Lookup(m.Subject, &c.cold)
		c.last = e
		if e == &c.cold {
			c.last = nil
		}
	}
	taken := false
	if len(e.Fan) > 0 {
		taken = true
		c.fan(e, m)
	}
	for i := range e.Each {
		if c.one(e, &e.Each[i], m) {
			taken = true
		}
	}
	for i := range e.Groups {
		if c.group(e, &e.Groups[i], m, nil) {
			taken = true
		}
	}
	if c.staged >= maxStaged || c.ownSlot >= 0 && len(c.slots[c.ownSlot].Data) >= maxSlot {
		c.Flush()
	}
	return taken
}

// fan adds m to the run of e, or starts it.
func (c *Context) fan(e *interest.Entry, m *wire.Pub) {
	header := m.Header != wire.NoHeader
	if header && e.NoHeaders {
		c.EndRun()
		for i := range e.Fan {
			c.one(e, &e.Fan[i], m)
		}
		return
	}
	r := &c.run
	r.entry = e
	r.tails = append(r.tails, tail{data: m.Tail, size: m.Size, header: header})
	r.bytes += len(m.Tail)
	if e == &c.cold || r.bytes >= maxSlot {
		c.EndRun()
	}
}

// one stages m for one plain member.
func (c *Context) one(e *interest.Entry, to *interest.Member, m *wire.Pub) bool {
	if to.Care != 0 {
		return c.careful(e, to, m)
	}
	s := c.slot(to.Target)
	if to.Sub.Closed() {
		return false
	}
	c.stage(s, to.Sub, e.Prefix(to), m)
	return true
}

// stage appends the frame of m to s.
func (c *Context) stage(s *slot, sub *interest.Sub, prefix []byte, m *wire.Pub) {
	if m.Header == wire.NoHeader {
		prefix = prefix[1:]
	}
	n := len(prefix) + len(m.Tail)
	if len(s.Data)+n > maxSlot && len(s.Data) > 0 && s.target != c.own {
		c.submit(s)
	}
	at := len(s.Data)
	s.Data = append(append(s.Data, prefix...), m.Tail...)
	s.count(sub, 1, m.Size, at)
	c.staged += n
}

// careful is one for members that need more than a frame in their slot.
func (c *Context) careful(e *interest.Entry, to *interest.Member, m *wire.Pub) bool {
	if to.Care&interest.CareRelay != 0 {
		return c.relay(to, m)
	}
	if to.Care&interest.CareNoEcho != 0 && to.Target == c.own {
		return false
	}
	if to.Care&interest.CareLimited != 0 && to.Target == c.own {
		return c.now(e, to, m)
	}
	s := c.slot(to.Target)
	if to.Sub.Closed() {
		return false
	}
	if m.Header == wire.NoHeader || to.Care&interest.CareNoHeaders == 0 {
		c.stage(s, to.Sub, e.Prefix(to), m)
	} else {
		at := len(s.Data)
		s.Data = wire.AppendStripped(append(s.Data, e.Prefix(to)[1:]...), m)
		s.count(to.Sub, 1, m.Size-m.Header, at)
		c.staged += len(s.Data) - at
	}
	return true
}

// now gives m to one member at once, behind all that was staged, and reports
// whether it was taken.
func (c *Context) now(e *interest.Entry, to *interest.Member, m *wire.Pub) bool {
	if to.Target == c.own {
		c.Flush()
	} else {
		c.EndRun()
		if s := c.slot(to.Target); len(s.Data) > 0 {
			c.submit(s)
		}
	}
	one := c.alone(to.Target)
	size := m.Size
	if m.Header != wire.NoHeader && to.Care&interest.CareNoHeaders != 0 {
		size -= m.Header
		one.Data = wire.AppendStripped(append(one.Data, e.Prefix(to)[1:]...), m)
	} else {
		prefix := e.Prefix(to)
		if m.Header == wire.NoHeader {
			prefix = prefix[1:]
		}
		one.Data = append(append(one.Data, prefix...), m.Tail...)
	}
	one.count(to.Sub, 1, size, 0)
	return c.hand(one) && one.Msgs == 1
}

// group stages m for one member of g, chosen at random; not for the
// subscription not. Members that are closed are passed over, and those whose
// queue is full while there is another.
func (c *Context) group(e *interest.Entry, g *interest.Group, m *wire.Pub, not *interest.Sub) bool {
	n := len(g.Members)
	start := 0
	if n > 1 {
		start = int(uint64(uint32(c.rng.Uint64())) * uint64(n) >> 32)
	}
	full := false
	for round := 0; round < 2; round++ {
		for i := range n {
			at := start + i
			if at >= n {
				at -= n
			}
			to := &g.Members[at]
			if to.Sub == not || to.Target.Gone.Load() || to.Shadow && c.into != nil {
				continue
			}
			if round == 0 && to.Target.Full.Load() {
				full = true
				continue
			}
			if c.member(e, to, m) {
				return true
			}
		}
		if !full {
			return false
		}
	}
	return false
}

// member is one for members of a group. What cannot be given to another
// member afterwards, because it is not staged as it came, is handed over now.
func (c *Context) member(e *interest.Entry, to *interest.Member, m *wire.Pub) bool {
	lost := (to.Shadow || c.into != nil) && !c.remember(e)
	if to.Care == 0 && !lost {
		return c.one(e, to, m)
	}
	if to.Care&interest.CareNoEcho != 0 && to.Target == c.own || to.Sub.Closed() {
		return false
	}
	if lost || to.Care&interest.CareLimited != 0 || m.Header != wire.NoHeader && to.Care&interest.CareNoHeaders != 0 {
		return c.now(e, to, m)
	}
	return c.careful(e, to, m)
}
