package conn

import (
	"math/rand/v2"
	"time"

	"moonwire/server/interest"
	"moonwire/server/wire"
)

const (
	// firstPing is the longest time from CONNECT to the first PING, before
	// up to a fifth of it is added at random.
	firstPing = 2 * time.Second
	// renewRTT is after how long a round trip is measured again, even if the
	// peer shows signs of life.
	renewRTT = time.Hour
)

// pinger asks a silent peer for a sign of life, and cuts one that gives none.
// It also holds the timer for the credentials. Guarded by Client.mu.
type pinger struct {
	timer *time.Timer
	auth  *time.Timer // nil unless a CONNECT with credentials is awaited
	end   *time.Timer // nil unless what the connection was admitted with expires
	out   int         // unanswered PINGs
	sent  time.Time   // when the last one left
	rtt   time.Duration
	// greeted: the INFO that follows CONNECT and the first PING was sent.
	greeted bool
	// connected: a CONNECT was accepted, or none was needed although one was
	// asked for. Only the read loop says so, which may look at it without the lock.
	connected bool
}

// startTimers starts waiting for credentials and signs of life.
func (c *Client) startTimers() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.closed {
		return
	}
	p := &c.mu.ping
	if c.mustAuth {
		p.auth = time.AfterFunc(c.limits.AuthTimeout, c.authTimeout)
	}
	p.timer = time.AfterFunc(c.limits.PingInterval, c.pingTime)
}

func (p *pinger) stopLocked() {
	if p.timer != nil {
		p.timer.Stop()
	}
	if p.auth != nil {
		p.auth.Stop()
	}
	if p.end != nil {
		p.end.Stop()
	}
}

// expireLocked ends the connection at a time; the zero time takes that back.
func (p *pinger) expireLocked(c *Client, at time.Time) {
	if p.end != nil {
		p.end.Stop()
		p.end = nil
	}
	if !at.IsZero() && !c.mu.closed {
		p.end = time.AfterFunc(time.Until(at), func() { c.Fail(wire.ErrExpired) })
	}
}

func (c *Client) authTimeout() {
	c.mu.Lock()
	late := !c.mu.ping.connected
	c.mu.Unlock()
	if late {
		c.Fail(wire.ErrAuthTimeout)
	}
}

// admittedLocked notes that the credentials are no longer awaited.
func (p *pinger) admittedLocked() {
	if p.auth != nil {
		p.auth.Stop()
	}
	p.connected = true
}

// connectedLocked notes that a CONNECT was accepted. The first PING follows
// soon, so that the round trip is known early.
func (p *pinger) connectedLocked(c *Client) {
	first := c.mu.said == nil
	p.admittedLocked()
	if !first || c.mu.closed {
		return
	}
	d := min(c.limits.PingInterval, firstPing)
	p.timer.Reset(d + rand.N(d/5+1))
}

// pingTime sends a PING if there is need, or cuts a connection that left too
// many unanswered.
func (c *Client) pingTime() {
	now := time.Now()
	c.mu.Lock()
	if c.mu.closed {
		c.mu.Unlock()
		return
	}
	p := &c.mu.ping
	need := c.pingNeededLocked(now)
	if need && p.out+1 > c.limits.PingMax {
		c.mu.Unlock()
		c.Fail(wire.ErrStale)
		return
	}
	if need {
		p.out++
		p.sent = now
	}
	p.timer.Reset(c.limits.PingInterval)
	c.mu.Unlock()
	if need {
		c.Submit(&interest.Staged{Data: []byte(wire.Ping)})
	}
}

func (c *Client) pingNeededLocked(now time.Time) bool {
	p := &c.mu.ping
	if p.rtt == 0 || now.Sub(p.sent) > renewRTT {
		return true
	}
	return now.Sub(time.Unix(0, c.lastData.Load())) >= c.limits.PingInterval
}

// pinged answers a PING; the first one behind a CONNECT also with an INFO.
func (c *Client) pinged() {
	c.trace("<<-", []byte("PING"))
	c.ctx.Own(wire.Pong)
	c.mu.Lock()
	p := &c.mu.ping
	greet := p.connected && !p.greeted
	if greet {
		p.greeted = true
	}
	c.mu.Unlock()
	if greet && c.connect != nil && c.connect.Protocol >= 1 {
		c.ctx.OwnInfo(c.by.Answer.Load(), c.own())
		c.async.Store(true)
	}
}

// ponged notes a sign of life.
func (c *Client) ponged() {
	c.trace("<<-", []byte("PONG"))
	now := time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.mu.ping
	if p.out > 0 {
		p.rtt = max(now.Sub(p.sent), 1)
	}
	p.out = 0
}
