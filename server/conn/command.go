package conn

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.uber.org/zap"

	"moonwire/hooks"
	"moonwire/server/account"
	"moonwire/server/interest"
	"moonwire/server/subject"
	"moonwire/server/wire"
)

// run runs the operations in b and returns how many bytes they took. On a
// fault that closes the connection it says all there is to say and takes
// everything.
func (c *Client) run(b []byte) int {
	used := 0
	for used < len(b) {
		rest := b[used:]
		if c.mustAuth && rest[0] != 'C' && rest[0] != 'c' && !c.admitAnonymous(rest) {
			return len(b)
		}
		op, n, err := c.parser.Next(rest)
		if op == wire.OpPub {
			c.publish(&c.parser.Pub)
			used += n
			continue
		}
		if err == nil && op == wire.OpNone {
			c.unfinished()
			return used + n
		}
		if err == nil {
			err = c.command(op)
		} else {
			c.unfinished()
		}
		if err != nil {
			if err.Close {
				c.fault(err, rest)
				return len(b)
			}
			c.refuse(err)
		}
		if c.Gone.Load() {
			return len(b)
		}
		used += n
		if c.saying != nil {
			return used
		}
	}
	return used
}

// admitAnonymous admits a peer that begins with something else than CONNECT, if
// it may, or ends the connection. For later CONNECTs it has had its first.
func (c *Client) admitAnonymous(in []byte) bool {
	a := c.env.Host.Anonymous(c)
	if a == nil {
		c.fault(wire.ErrAuthorization, in)
		return false
	}
	if !c.admit(a) {
		return false
	}
	c.mustAuth = false
	c.mu.Lock()
	c.mu.ping.admittedLocked()
	c.mu.Unlock()
	return true
}

// refuse tells the peer of a fault, behind what was published before.
func (c *Client) refuse(e *wire.Error) {
	if e.Text == "" {
		return
	}
	c.ctx.OwnError(e)
}

// fault tells the peer of a fault in the input that begins with at, and ends
// the connection.
func (c *Client) fault(e *wire.Error, at []byte) {
	if c.log.Core().Enabled(zap.DebugLevel) {
		c.log.Debug(fmt.Sprintf("%s - %s: %q", c, e, excerpt(at)))
	}
	c.refuse(e)
	c.flush()
	c.Close(reasonOf(e))
}

// excerpt returns what a log line shows of broken input: of a CONNECT, which may
// hold a secret, nothing but its name.
func excerpt(in []byte) []byte {
	if in[0] == 'C' || in[0] == 'c' {
		return in[:min(len(in), len("CONNECT"))]
	}
	line, _, _ := bytes.Cut(in[:min(len(in), loggedInput)], []byte("\n"))
	return line
}

// loggedInput is how many bytes of broken input a log line shows.
const loggedInput = 64

// command runs one operation that is no publish.
func (c *Client) command(op wire.Op) *wire.Error {
	c.settle()
	c.busy = c.busy || op != wire.OpPong
	switch op {
	case wire.OpSub:
		return c.sub(&c.parser.Sub, false)
	case wire.OpUnsub:
		c.unsub(&c.parser.Unsub)
	case wire.OpPing:
		c.pinged()
	case wire.OpPong:
		c.ponged()
	case wire.OpConnect:
		return c.connectOp(c.parser.Arg)
	case wire.OpInfo:
		return wire.CheckInfo(c.parser.Arg)
	case wire.OpErr:
		c.log.Debug(c.String() + " - Client sent -ERR " + string(c.parser.Arg))
		return wire.ErrMalformed
	}
	return nil
}

// ok acknowledges an operation to those who want to hear it.
func (c *Client) ok() {
	if c.slow&slowVerbose != 0 {
		c.ctx.Own(wire.OK)
	}
}

// connectOp runs a CONNECT. A later one authenticates again and drops all
// subscriptions (protocol.md §1.5). One whose sender may have to wait ends the run of
// the batch, and the rest of it is for await.
func (c *Client) connectOp(arg []byte) *wire.Error {
	said := new(wire.Connect)
	if c.connect != nil {
		*said = *c.connect // what this one does not name stays as it was
	} else {
		*said = wire.DefaultConnect()
	}
	if err := said.Decode(arg); err != nil {
		c.trace("<<-", []byte("CONNECT (malformed)"))
		return err
	}
	c.traceConnect(said)
	if a := c.account.Load(); c.mu.ping.connected && a != nil {
		c.ctx.Flush()
		c.dropSubs(a)
	}
	c.presented.fill(said)
	if c.env.Host.MayWait() {
		c.saying = said
		return nil
	}
	return c.introduce(said)
}

// introduce has the host say who the sender of a CONNECT is, and makes the
// connection that.
func (c *Client) introduce(said *wire.Connect) *wire.Error {
	admission := c.env.Host.Authenticate(c, said)
	if c.worker == nil {
		c.work()
	}
	if admission == nil {
		c.mu.Lock()
		if c.mu.said == nil {
			c.mu.said = said // monitoring shows who was refused
		}
		c.mu.Unlock()
		return wire.ErrAuthorization
	}
	if said.Account != "" || said.NewAccount {
		return wire.ErrAuthorization // from before there were accounts in the configuration
	}
	a, known, old := admission.Account, c.known(), c.account.Load()
	if old != nil && old != a {
		c.ctx.Flush()
		c.dropSubs(old)
	}
	if !c.admit(admission) {
		return nil
	}
	c.mustAuth = false
	c.headers = c.limits.Headers && said.Headers
	c.parser.Headers = c.headers
	c.heed(said)
	c.mu.Lock()
	c.mu.ping.connectedLocked(c)
	c.mu.said = said
	// Hooks are to see its name.
	c.changedLocked()
	subs := slices.Collect(maps.Values(c.mu.subs)) // from before the first CONNECT
	c.mu.Unlock()
	a.Change(subs, func() { c.NoHeaders, c.NoEcho = !c.headers, !said.Echo })
	if t := hearing(old); t != nil && known != nil {
		c.tell(t, hooks.Event{Type: hooks.EventDisconnect, Client: known, Reason: again})
	}
	if t := hearing(a); t != nil {
		c.tell(t, hooks.Event{Type: hooks.EventConnect})
	}
	if said.Protocol < 0 || said.Protocol > 1 {
		return wire.ErrClientProtocol
	}
	if said.NoResponders && !c.headers {
		return wire.ErrNoRespondersNeeds
	}
	c.ok()
	return nil
}

// sub runs a SUB, with its checks in the order of protocol.md §1.7. Again says that it
// was begun before, and that the hooks have agreed.
func (c *Client) sub(s *wire.Sub, again bool) *wire.Error {
	if c.slow&slowTrace != 0 && !again {
		c.trace("<<-", []byte("SUB "), s.Subject, []byte(" "), s.Queue, []byte(" "), s.Sid)
	}
	if string(s.Queue) == reservedQueue {
		return wire.SubscriptionViolation(s.Subject, s.Queue)
	}
	r := c.rights.Load()
	if !c.maySubscribe(r, s) {
		return nil
	}
	if most := c.limits.MaxSubTokens; most > 0 && subject.NumTokens(s.Subject) > most {
		return wire.TooManyTokens(s.Subject)
	}
	// Only this goroutine adds, so the map can be asked now and changed later.
	c.mu.Lock()
	count := len(c.mu.subs)
	_, used := c.mu.subs[string(s.Sid)]
	c.mu.Unlock()
	if most := r.maxSubs; most > 0 && count >= most {
		return wire.ErrMaxSubscriptions
	}
	if used {
		c.ok()
		return nil
	}
	if !subject.ValidPattern(s.Subject) {
		return wire.ErrInvalidSubject
	}
	a := c.account.Load()
	if t := a.Hooks.Load(); !again && t.Has(hooks.AtSubscribe) && !c.asksSubscribe(t, s) {
		return nil
	}
	// One string for all three, as most servers hold many subscriptions.
	var b strings.Builder
	b.Grow(len(s.Subject) + len(s.Queue) + len(s.Sid))
	b.Write(s.Subject)
	b.Write(s.Queue)
	b.Write(s.Sid)
	all, i, j := b.String(), len(s.Subject), len(s.Subject)+len(s.Queue)
	sub := &interest.Sub{Subject: all[:i], Queue: all[i:j], Sid: all[j:], Target: &c.Target}
	if r.set != nil {
		sub.SetFilter(filterOf(r.set, sub))
	}
	c.mu.Lock()
	if c.rights.Load() != r { // see Regrant
		c.mu.Unlock()
		return c.sub(s, true)
	}
	if c.mu.subs == nil {
		c.mu.subs = make(map[string]*interest.Sub)
	}
	c.mu.subs[sub.Sid] = sub
	c.mu.Unlock()
	if a.Subscribe(sub); sub.Closed() { // taken away meanwhile
		a.Unsubscribe(sub)
	}
	if t := hearing(a); t != nil {
		c.tell(t, hooks.Event{Type: hooks.EventSubscribe, Subject: sub.Subject, Queue: sub.Queue})
	}
	c.ok()
	return nil
}

// reservedQueue is a queue name that the server keeps for itself.
const reservedQueue = "_sys_"

// unsub runs an UNSUB: now, or when max messages were delivered, counted from
// the SUB.
func (c *Client) unsub(u *wire.Unsub) {
	if c.slow&slowTrace != 0 {
		c.trace("<<-", []byte("UNSUB "), u.Sid)
	}
	c.mu.Lock()
	sub := c.mu.subs[string(u.Sid)]
	c.mu.Unlock()
	if sub == nil {
		c.ok()
		return
	}
	if u.Max > 0 {
		c.ctx.Flush() // what this connection sent itself so far counts
	}
	a := c.account.Load()
	c.mu.Lock()
	if most := uint64(u.Max); most > sub.Delivered && !sub.Closed() {
		sub.Max = most
		c.Generation.Add(1)
		c.mu.Unlock()
		a.Limit(sub, true)
		c.ok()
		return
	}
	open := sub.Close()
	delete(c.mu.subs, sub.Sid)
	c.mu.Unlock()
	if open {
		a.Unsubscribe(sub)
		if t := hearing(a); t != nil {
			c.tellUnsubscribed(t, sub)
		}
	}
	c.Generation.Add(1)
	c.ok()
}

// dropSubs gives up all subscriptions.
func (c *Client) dropSubs(a *account.Account) {
	c.mu.Lock()
	subs := make([]*interest.Sub, 0, len(c.mu.subs))
	for _, sub := range c.mu.subs {
		if sub.Close() {
			subs = append(subs, sub)
		}
	}
	clear(c.mu.subs)
	c.mu.Unlock()
	if len(subs) == 0 {
		return
	}
	a.UnsubscribeAll(subs)
	c.Generation.Add(1)
	if !c.Gone.Load() { // otherwise they end with the connection
		c.tellUnsubscribed(hearing(a), subs...)
	}
}
