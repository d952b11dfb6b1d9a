package conn

import (
	"bytes"
	"math/rand/v2"

	"moonwire/server/subject"
	"moonwire/server/wire"
)

// publish runs a PUB or HPUB.
func (c *Client) publish(m *wire.Pub) {
	c.inMsgs++
	c.inBytes += m.Size
	if c.slow&^slowLightly != 0 {
		c.publishSlowly(m)
	} else if c.slow == 0 && !reserved(m) || c.judge(m) {
		c.ctx.Publish(m)
	}
}

// judge maps the subject of m, and reports whether it may be published, which is
// asked of the subject that it has then. The order is that of protocol.md §1.8.
func (c *Client) judge(m *wire.Pub) bool {
	if c.slow&slowMapped != 0 {
		c.translate(m)
	}
	if err := c.illegal(m, m.Subject); err != nil {
		c.refuse(err)
		return false
	}
	return true
}

// translate gives m the subject that the mappings of the account have for it. It
// is valid until the next call.
func (c *Client) translate(m *wire.Pub) {
	to, mapped := c.account.Load().Mappings.Load().Append(c.mapped[:0], m.Subject, rand.Uint32N)
	if mapped {
		c.mapped, m.Subject = to, to
	}
}

// illegal returns why m may not be published, or nil. The client is told that it
// may not publish to named.
func (c *Client) illegal(m *wire.Pub, named []byte) *wire.Error {
	odd := reserved(m)
	if odd && ofGateways(m.Subject) || c.slow&slowRights != 0 && !c.mayPublish(m.Subject) {
		return wire.PublishViolation(named)
	}
	if odd {
		return c.forbidden(m, named)
	}
	return nil
}

// publishSlowly is publish for connections that want more than delivery, and
// for subjects that need a look.
func (c *Client) publishSlowly(m *wire.Pub) {
	if c.slow&slowHooks != 0 {
		c.publishHooked(m)
		return
	}
	c.traceMsg(m)
	c.checkHead(m)
	c.headWarned = false
	if c.judge(m) {
		c.accept(m, m.Subject)
	}
}

// accept publishes a message that may be published, with the answers that the
// connection wants. Named is the subject as the client may hear of it.
func (c *Client) accept(m *wire.Pub, named []byte) {
	if c.slow&slowAnswers == 0 {
		c.ctx.Publish(m)
		return
	}
	c.ok()
	taken := c.ctx.Publish(m)
	c.ctx.EndRun() // answers and messages of this connection keep their order
	if !taken && c.takesStatus(m) {
		c.ctx.OwnNoResponders(m.Reply, named)
	}
}

// takesStatus reports whether m is a request of a client that wants to hear at once
// when no answer comes.
func (c *Client) takesStatus(m *wire.Pub) bool {
	return c.slow&slowNoResponders != 0 && len(m.Reply) > 0
}

// checkHead tells a pedantic client of a subject that cannot be published to.
// The message is routed nevertheless (protocol.md §1.5).
func (c *Client) checkHead(m *wire.Pub) {
	if c.wrong(m) {
		c.refuse(wire.ErrInvalidPubSubject)
	}
}

// wrong reports whether a pedantic client is to be told of the subject of m, which
// is what it wrote.
func (c *Client) wrong(m *wire.Pub) bool {
	return c.slow&slowPedantic != 0 && !c.headWarned && !subject.ValidLiteral(m.Subject)
}

// unfinished looks at a publish whose payload is still to come, or broken: its
// subject is judged when the control line is there.
func (c *Client) unfinished() {
	c.settle()
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

// ofGateways reports whether a subject is one that gateways use for replies.
func ofGateways(subj []byte) bool {
	return bytes.HasPrefix(subj, gatewayReply) || bytes.HasPrefix(subj, oldGatewayReply)
}

// forbidden returns why m may not be published, whatever the permissions, or nil:
// some subjects and replies are the server's own (protocol.md §1.6).
func (c *Client) forbidden(m *wire.Pub, named []byte) *wire.Error {
	if bytes.HasPrefix(m.Subject, raftGroup) && !c.account.Load().IsSystem {
		return wire.PublishViolation(named)
	}
	if bytes.HasPrefix(m.Reply, serviceReply) || bytes.HasPrefix(m.Reply, ackReply) || ofGateways(m.Reply) {
		return wire.ReplyViolation(m.Reply)
	}
	return nil
}
