package conn

import (
	"context"

	"moonwire/hooks"
	"moonwire/server/wire"
)

// asking is what a worker has to ask hooks about messages: those of a batch are
// gathered, decided together, and then published in the order in which they
// came. Which hooks a subject concerns does not depend on the connection, so
// that what is remembered of it serves whoever has the worker next.
type asking struct {
	table    *hooks.Table // of the batch
	session  hooks.Session
	unhooked unhooked
	msgs     []asked
	bytes    int           // of headers and payloads in msgs
	calls    []*hooks.Call // scratch
	arena    []byte        // of subjects and tails in msgs
}

// asked is a message that was gathered.
type asked struct {
	wire.Pub             // as it is to be published
	written  []byte      // the subject that the client wrote
	call     *hooks.Call // nil until a hook is asked
	err      *wire.Error // why it is refused; nil while it is not
	denied   []byte      // the subject that the client is told of; nil unless a hook refuses it
	dropped  bool
	wrong    bool // a pedantic client is told of its subject
	renamed  bool // by a hook
}

const (
	// maxGathered and maxGatheredBytes are how many messages, and how many bytes of
	// them, are decided together.
	maxGathered      = 256
	maxGatheredBytes = 1 << 20
	// arenaSize is how much memory for subjects and tails is made at a time, if that
	// is enough.
	arenaSize = 64 << 10
)

// hook takes over the hooks of the account for a batch.
func (c *Client) hook(t *hooks.Table) {
	if !t.Has(hooks.AtRewrite) && !t.Has(hooks.AtPublish) && !t.Has(hooks.AtInspect) {
		return
	}
	c.slow |= slowHooks
	if c.worker == nil {
		return // whoever takes one comes here again
	}
	a := c.asks()
	a.table = t
	a.unhooked.of(t)
}

// asks returns what the worker has to ask hooks.
func (c *Client) asks() *asking {
	if c.asking == nil {
		c.asking = new(asking)
	}
	return c.asking
}

// alive returns a context that ends when the connection is closed. Read loop
// only; a connection that goes to sleep gives it up.
func (c *Client) alive() context.Context {
	if c.life != nil {
		return c.life
	}
	life, end := context.WithCancel(context.Background())
	c.life = life
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.endLife = end; c.mu.closed {
		end()
	}
	return life
}

// publishHooked is publish for an account with hooks. A message that concerns
// none is published at once, if no other one waits for a decision.
func (c *Client) publishHooked(m *wire.Pub) {
	if c.slow&slowTrace != 0 {
		c.traceMsg(m)
	}
	a, written, wrong := c.asking, m.Subject, c.wrong(m)
	c.headWarned = false
	if c.slow&slowMapped != 0 {
		c.translate(m)
	}
	switch {
	case len(a.msgs) > 0 || a.unhooked.concerns(&a.session, m.Subject):
		c.gather(m, written, wrong)
	case c.slow == slowHooks && !reserved(m):
		c.ctx.Publish(m) // nothing else is special
	default:
		c.publishAlone(m, wrong)
	}
}

// publishAlone publishes a message that no hook is asked about, if it may be.
func (c *Client) publishAlone(m *wire.Pub, wrong bool) {
	if wrong {
		c.refuse(wire.ErrInvalidPubSubject)
	}
	if err := c.illegal(m, m.Subject); err != nil {
		c.refuse(err)
		return
	}
	c.accept(m, m.Subject)
}

// gather keeps m until it is decided.
func (c *Client) gather(m *wire.Pub, written []byte, wrong bool) {
	a := c.asking
	a.msgs = append(a.msgs, asked{Pub: *m, written: written, wrong: wrong})
	if g := &a.msgs[len(a.msgs)-1]; !same(m.Subject, written) {
		g.Subject = a.keep(m.Subject)
	}
	if a.bytes += m.Size; len(a.msgs) == maxGathered || a.bytes >= maxGatheredBytes {
		c.decide()
	}
}

// same reports whether two slices are one.
func same(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// room returns the arena with room for n more bytes. What was given out before
// stays where it is.
func (a *asking) room(n int) []byte {
	if cap(a.arena)-len(a.arena) < n {
		a.arena = make([]byte, 0, max(n, arenaSize))
	}
	return a.arena
}

// keep returns a copy of b that is valid until the messages are published.
func (a *asking) keep(b []byte) []byte {
	at := a.room(len(b))
	a.arena = append(at, b...)
	return a.arena[len(at):]
}

// settle brings to an end what was published so far: it is decided, and staged. It
// comes before any other operation, and before the buffer that the messages lie
// in is used again.
func (c *Client) settle() {
	if c.slow&slowHooks != 0 {
		c.decide()
	}
	c.ctx.EndRun()
}

// decide asks the hooks about the messages that were gathered, and publishes
// those that may be: all that the client gets to see is as if it had been done
// for one after the other.
func (c *Client) decide() {
	a := c.asking
	if len(a.msgs) == 0 {
		return
	}
	who := c.Hooked()
	t := a.table.Enter(who)
	defer t.Exit(who)
	a.table = t
	a.unhooked.of(t)
	c.ask(hooks.AtRewrite)
	for i := range a.msgs {
		if m := &a.msgs[i]; !m.over() {
			m.err = c.illegal(&m.Pub, m.named())
		}
	}
	c.ask(hooks.AtPublish)
	c.ask(hooks.AtInspect)
	for i := range a.msgs {
		c.conclude(&a.msgs[i])
	}
	c.ctx.EndRun() // its tails lie in the arena
	a.reset()
}

// over reports whether it is decided that m is not published.
func (m *asked) over() bool { return m.err != nil || m.dropped }

// named returns the subject by which the client is told of m: what the mappings
// of the account made of it, as nats-server does, but not what a hook did.
func (m *asked) named() []byte {
	if m.renamed {
		return m.written
	}
	return m.Subject
}

// ask asks the hooks of a point about the messages that are not refused yet.
func (c *Client) ask(p hooks.Point) {
	a := c.asking
	if !a.table.Has(p) {
		return
	}
	calls := a.calls[:0]
	for i := range a.msgs {
		if m := &a.msgs[i]; !m.over() && a.table.Wanted(&a.session, p, m.Subject) {
			calls = append(calls, c.callOf(m, p))
		}
	}
	a.calls = calls
	if len(calls) == 0 {
		return
	}
	a.table.DoEntered(c.alive(), &a.session, p, calls)
	for i := range a.msgs {
		if m := &a.msgs[i]; m.call != nil && m.call == calls[0] {
			c.heedAnswer(m, p)
			if calls = calls[1:]; len(calls) == 0 {
				return
			}
		}
	}
}

// callOf returns the call of m, with what a point has.
func (c *Client) callOf(m *asked, p hooks.Point) *hooks.Call {
	call := m.call
	if call == nil {
		call = hooks.NewCall()
		m.call = call
		call.Client, call.MaxPayload = c.Hooked(), c.may.maxPayload
		call.Subject, call.Reply, call.Size = m.Subject, m.Reply, m.Size
		if !same(m.Subject, m.written) {
			call.OriginalSubject = m.written
		}
		if m.Header != wire.NoHeader {
			call.Header = m.Body()[:m.Header]
		}
	}
	if p == hooks.AtInspect {
		call.Payload = m.Body()[max(m.Header, 0):]
	}
	return call
}

// heedAnswer does to m what the hooks of a point say.
func (c *Client) heedAnswer(m *asked, p hooks.Point) {
	switch o := &m.call.Outcome; o.Verdict {
	case hooks.Deny:
		named := m.named()
		if p == hooks.AtRewrite {
			named = m.written // what the mappings made of it is no answer either
		}
		m.err, m.denied = wire.PublishViolation(named), named
		c.logViolation(violation{what: "Publish", subject: m.Subject, written: m.written, by: o})
	case hooks.Drop:
		m.dropped = true
	case hooks.Replace:
		if p == hooks.AtRewrite {
			m.Subject, m.renamed = m.call.Subject, true
		} else {
			c.asking.replace(m)
		}
	}
}

// replace gives m the header and payload of its call.
func (a *asking) replace(m *asked) {
	head, payload := m.call.Header, m.call.Payload
	if m.Header = len(head); len(head) == 0 {
		m.Header = wire.NoHeader
	}
	m.Size = len(head) + len(payload)
	at := a.room(len(m.Reply) + m.Size + mostSizes)
	a.arena = wire.AppendTail(at, m.Reply, head, payload)
	m.Tail = a.arena[len(at):]
}

// mostSizes is how long the sizes of a tail are at most, with all that stands
// around them.
const mostSizes = 64

// conclude publishes m, or does not, and answers.
func (c *Client) conclude(m *asked) {
	if m.wrong {
		c.refuse(wire.ErrInvalidPubSubject)
	}
	switch {
	case m.err != nil:
		c.refuse(m.err)
		if m.denied != nil {
			c.notifyDenied(m)
		}
	case m.dropped:
		c.ok() // and no word of it, also to those who want to hear that nobody listens
	default:
		c.accept(&m.Pub, m.named())
	}
}

// notifyDenied tells a requester, where that is wanted, that no answer comes, as its
// library takes an -ERR for no answer and would wait. The status stands behind the
// -ERR, so that who has the one has heard the other, and says no more than that.
func (c *Client) notifyDenied(m *asked) {
	if c.env.NotifyDenied.Load() && c.takesStatus(&m.Pub) {
		c.ctx.OwnDenied(m.Reply, m.denied)
	}
}

// reset forgets the messages, and gives back what was taken for them.
func (a *asking) reset() {
	for i := range a.msgs {
		if call := a.msgs[i].call; call != nil {
			call.Done()
		}
	}
	clear(a.msgs)
	clear(a.calls)
	a.msgs, a.calls, a.bytes = a.msgs[:0], a.calls[:0], 0
	if a.arena = a.arena[:0]; cap(a.arena) > arenaSize {
		a.arena = nil
	}
}
