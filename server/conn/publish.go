package conn

import (
	"bytes"

	"moonwire/server/subject"
	"moonwire/server/wire"
)

// publish runs a PUB or HPUB.
func (c *Client) publish(m *wire.Pub) {
	c.inMsgs++
	c.inBytes += m.Size
	if c.slow == 0 && !reserved(m) {
		c.ctx.Publish(m)
		return
	}
	c.publishSlowly(m)
}

// publishSlowly is publish for connections that want more than delivery, and
// for subjects that need a look.
func (c *Client) publishSlowly(m *wire.Pub) {
	c.traceMsg(m)
	c.checkHead(m)
	c.headWarned = false
	if err := forbidden(m); err != nil {
		c.refuse(err)
		return
	}
	c.ok()
	taken := c.ctx.Publish(m)
	c.ctx.EndRun() // answers and messages of this connection keep their order
	if !taken && c.slow&slowNoResponders != 0 && len(m.Reply) > 0 {
		c.ctx.OwnNoResponders(m)
	}
}

// checkHead tells a pedantic client of a subject that cannot be published to.
// The message is routed nevertheless (protocol.md §1.5).
func (c *Client) checkHead(m *wire.Pub) {
	if c.slow&slowPedantic != 0 && !c.headWarned && !subject.ValidLiteral(m.Subject) {
		c.refuse(wire.ErrInvalidPubSubject)
	}
}

// unfinished looks at a publish whose payload is still to come, or broken: its
// subject is judged when the control line is there.
func (c *Client) unfinished() {
	if c.parser.Head && c.slow&slowPedantic != 0 {
		c.checkHead(&c.parser.Pub)
		c.headWarned = true
	}
}

// reserved reports whether m may have to do with subjects that belong to the
// server. It is a quick look at first bytes.
func reserved(m *wire.Pub) bool {
	return special(m.Subject) || special(m.Reply)
}

func special(s []byte) bool {
	return len(s) > 2 && (s[0] == '$' || s[0] == '_' && (s[1] == 'R' || s[1] == 'G'))
}

var (
	gatewayReply    = []byte("_GR_.")
	oldGatewayReply = []byte("$GR.")
	raftGroup       = []byte("$NRG.")
	serviceReply    = []byte("_R_.")
	ackReply        = []byte("$JS.ACK.")
)

// forbidden returns why m may not be published by a client, or nil: some
// subjects and replies are the server's own (protocol.md §1.6).
func forbidden(m *wire.Pub) *wire.Error {
	if bytes.HasPrefix(m.Subject, gatewayReply) || bytes.HasPrefix(m.Subject, oldGatewayReply) ||
		bytes.HasPrefix(m.Subject, raftGroup) {
		return wire.PublishViolation(m.Subject)
	}
	if bytes.HasPrefix(m.Reply, serviceReply) || bytes.HasPrefix(m.Reply, ackReply) ||
		bytes.HasPrefix(m.Reply, gatewayReply) || bytes.HasPrefix(m.Reply, oldGatewayReply) {
		return wire.ReplyViolation(m.Reply)
	}
	return nil
}
