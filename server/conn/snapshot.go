package conn

import (
	"cmp"
	"crypto/tls"
	"math"
	"strings"
	"time"

	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/wire"
)

// Snapshot is what monitoring may know of a connection.
type Snapshot struct {
	ID                        uint64
	IP                        string // "unix" for a connection by a Unix socket, "" for one in the process
	Port                      int
	Start, LastActive         time.Time
	RTT                       time.Duration // 0: not measured yet
	Pending                   int64         // bytes queued
	InMsgs, InBytes           int64
	OutMsgs, OutBytes         int64
	Name, Lang, Version, User string
	Account                   string
	Type                      string // see [Entrance]
	TLSVersion, TLSCipher     string // "" without TLS
	TLSFirst                  bool   // the handshake came before INFO
	TLSPeerCerts              []PeerCert
	Tags                      []string
	JWT                       string // "" if it is a password itself
	Issuer                    string // public key that signed JWT
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
	if c.unix {
		s.IP = c.where()
	}
	s.Type = c.by.Type
	id := c.Identity()
	if id != nil {
		s.Tags, s.Issuer = id.Tags, id.Issuer
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.presented.TLS; t != nil {
		s.TLSVersion = strings.TrimPrefix(tls.VersionName(t.Version), "TLS ")
		s.TLSCipher = tls.CipherSuiteName(t.CipherSuite)
		s.TLSFirst, s.TLSPeerCerts = c.presented.tlsFirst, c.presented.certs()
	}
	s.RTT = c.mu.ping.rtt
	s.Pending = max(c.mu.queue.bytes, 0)
	s.OutMsgs, s.OutBytes = c.mu.queue.msgs, c.mu.queue.payload
	s.User = c.mu.user
	if said := c.mu.said; said != nil {
		s.Name, s.Lang, s.Version = said.Name, said.Lang, said.Version
		if s.User == "" {
			s.User = userOf(said)
		}
		if s.Issuer != "" && !id.Bearer {
			s.JWT = said.JWT
		}
	}
	s.Reason, s.Stop = c.mu.reason, c.mu.stop
	s.NumSubs = len(c.mu.subs)
	return s
}

// userOf returns whom monitoring calls the user of a CONNECT that needed none.
func userOf(said *wire.Connect) string {
	if said.Nkey == "" && said.User == "" && said.Token != "" {
		return "[REDACTED]"
	}
	return cmp.Or(said.Nkey, said.User)
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

// RTT implements [account.Requester].
func (c *Client) RTT() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mu.ping.rtt
}

// Info implements [account.Requester].
func (c *Client) Info() account.Info {
	s := c.Snapshot()
	i := account.Info{
		Start: &s.Start, Host: s.IP, ID: s.ID, User: s.User, Name: s.Name, Lang: s.Lang, Version: s.Version,
		RTT: s.RTT, Server: c.env.ServerName, Tags: s.Tags, Kind: "Client", ClientType: ClientType(s.Type),
	}
	if id := c.Identity(); id != nil {
		i.NameTag, i.IssuerKey = id.Name, id.Issuer
	}
	return i
}

// ClientType is what monitoring calls the type of an [Entrance].
func ClientType(of string) string {
	if of == auth.WebSocket {
		return "websocket"
	}
	return "nats"
}
