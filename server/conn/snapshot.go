package conn

import (
	"math"
	"time"
)

// Snapshot is what monitoring may know of a connection.
type Snapshot struct {
	ID                        uint64
	IP                        string
	Port                      int
	Start, LastActive         time.Time
	RTT                       time.Duration // 0: not measured yet
	Pending                   int64         // bytes queued
	InMsgs, InBytes           int64
	OutMsgs, OutBytes         int64
	Name, Lang, Version, User string
	Account                   string
	NumSubs                   int
	Subs                      []SubSnapshot // only of a connection that ended, and not all of very many
	Reason                    Reason        // "" while open
	Stop                      time.Time     // when it ended; zero while open
}

// SubSnapshot is one subscription of a connection.
type SubSnapshot struct {
	Subject, Queue, Sid string
	Delivered, Max      uint64
}

// maxFinalSubs is how many subscriptions are remembered of a connection that
// ended: thousands of such connections are.
const maxFinalSubs = 100

// Snapshot returns the state of the connection, without its subscriptions. It
// is safe from any goroutine.
func (c *Client) Snapshot() Snapshot {
	s := Snapshot{
		ID: c.ID, IP: c.ip, Port: c.port, Start: c.Start,
		LastActive: time.Unix(0, c.lastActive.Load()),
		InMsgs:     c.msgs.Load(), InBytes: c.bytes.Load(),
	}
	if a := c.account.Load(); a != nil {
		s.Account = a.Name
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s.RTT = c.mu.ping.rtt
	s.Pending = max(c.mu.queue.bytes, 0)
	s.OutMsgs, s.OutBytes = c.mu.queue.msgs, c.mu.queue.payload
	if said := c.mu.said; said != nil {
		s.Name, s.Lang, s.Version, s.User = said.Name, said.Lang, said.Version, c.mu.user
	}
	s.Reason, s.Stop = c.mu.reason, c.mu.stop
	s.NumSubs = len(c.mu.subs)
	return s
}

// Subscriptions returns the subscriptions of the connection. It is safe from
// any goroutine.
func (c *Client) Subscriptions() []SubSnapshot { return c.subscriptions(math.MaxInt) }

func (c *Client) subscriptions(most int) []SubSnapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]SubSnapshot, 0, min(len(c.mu.subs), most))
	for _, sub := range c.mu.subs {
		if len(list) == most {
			break
		}
		list = append(list, SubSnapshot{sub.Subject, sub.Queue, sub.Sid, sub.Delivered, sub.Max})
	}
	return list
}
