package delivery

import (
	"bytes"
	"slices"

	"moonwire/server/interest"
	"moonwire/server/wire"
)

// maxDepth is how many relays a message passes one behind the other. Whoever
// sets them up sees to it that they form no circle; this is for the case that
// nobody did.
const maxDepth = 64

// relay has a message passed on by a member that is a relay.
func (c *Context) relay(to *interest.Member, m *wire.Pub) bool {
	r, ok := to.Target.Sink.(interest.Relay)
	if !ok || to.Sub.Closed() || c.depth == maxDepth {
		return false
	}
	passed := len(c.passed)
	c.depth++
	taken := r.Relay(c, to.Sub, m)
	c.depth--
	c.passed = c.passed[:passed]
	return taken
}

// Publisher implements [interest.Batch].
func (c *Context) Publisher() *interest.Target { return c.own }

// Relayed implements [interest.Batch].
func (c *Context) Relayed() bool { return c.depth > 1 }

// Once implements [interest.Batch].
func (c *Context) Once(by any) bool {
	if slices.Contains(c.passed, by) {
		return false
	}
	c.passed = append(c.passed, by)
	return true
}

// Into implements [interest.Batch]. Frames are staged beside those of the batch,
// so that order holds for a target that gets messages both ways.
func (c *Context) Into(x *interest.Index, m *wire.Pub) bool {
	c.EndRun()
	for len(c.deep) <= c.depth {
		c.deep = append(c.deep, new(interest.Entry))
	}
	into := c.into
	c.into = x
	e, taken := x.Lookup(m.Subject, c.deep[c.depth]), false
	for _, members := range [...][]interest.Member{e.Fan, e.Each} {
		for i := range members {
			if !members[i].Shadow && c.one(e, &members[i], m) {
				taken = true
			}
		}
	}
	for i := range e.Groups {
		if c.group(e, &e.Groups[i], m, nil) {
			taken = true
		}
	}
	c.into = into
	return taken
}

// origin is where frames were published whose subject, or whose index, is not
// that of the batch.
type origin struct {
	entry *interest.Entry
	into  *interest.Index // as in Context
}

// remember notes e for frames of queue groups that may be refused, and reports
// whether it can.
func (c *Context) remember(e *interest.Entry) bool {
	if !e.Kept() {
		return false
	}
	if n := len(c.origins); n == 0 || c.origins[n-1].entry != e {
		c.origins = append(c.origins, origin{e, c.into})
	}
	return true
}

// originOf returns where a refused frame was published; nil if that is what the
// frame itself says.
func (c *Context) originOf(f *interest.Frame) *origin {
	for i := range c.origins {
		o := &c.origins[i]
		for g := range o.entry.Groups {
			if o.entry.Groups[g].Queue != f.Sub.Queue {
				continue
			}
			for j := range o.entry.Groups[g].Members {
				m := &o.entry.Groups[g].Members[j]
				if m.Sub != f.Sub {
					continue
				}
				prefix := o.entry.Prefix(m)
				if bytes.HasPrefix(f.Data, prefix) || bytes.HasPrefix(f.Data, prefix[1:]) {
					return o
				}
			}
		}
	}
	return nil
}
