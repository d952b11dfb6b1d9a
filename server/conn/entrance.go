package conn

import (
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"net"
	"sync/atomic"
	"time"

	"moonwire/server/wire"
)

// Entrance is what the connections that come in by one listener have in common.
type Entrance struct {
	// Type is the way of the connections: STANDARD, WEBSOCKET, IN_PROCESS.
	// Users may be restricted to some. Immutable.
	Type string

	// PingInterval and AuthTimeout take the place of those of the Limits, unless
	// they are 0. Immutable.
	PingInterval, AuthTimeout time.Duration

	tls atomic.Pointer[Handshake]

	// What the server says of itself: Greeting to a connection that was made,
	// Answer when it sent CONNECT and its first PING, Notice at any other
	// time. The server sets them before the first connection, and again when
	// something in them has changed.
	Greeting, Answer, Notice atomic.Pointer[wire.Template]
	// GreetingTLS is Greeting to a connection that speaks TLS already; nil if
	// that makes no difference.
	GreetingTLS atomic.Pointer[wire.Template]
	// Nonce says that the Greeting asks clients to sign something.
	Nonce atomic.Bool
}

// limits returns the limits of connections that come in here.
func (e *Entrance) limits(l *Limits) *Limits {
	if e.PingInterval == 0 && e.AuthTimeout == 0 {
		return l
	}
	own := *l
	own.PingInterval = cmp.Or(e.PingInterval, l.PingInterval)
	own.AuthTimeout = cmp.Or(e.AuthTimeout, l.AuthTimeout)
	return &own
}

// SetTLS says how TLS begins on the connections from now on; nil for not at all,
// or if it begins before the connection gets here.
func (e *Entrance) SetTLS(h Handshake) {
	if h == nil {
		e.tls.Store(nil)
		return
	}
	e.tls.Store(&h)
}

// Handshake is how TLS begins. Both methods return a *tls.Conn when it has, and
// otherwise a connection in clear; the error says what the peer did wrong. They
// wait for the peer, but not for ever; closing the connection ends the wait.
type Handshake interface {
	// BeforeInfo runs a handshake that comes before the INFO.
	BeforeInfo(nc net.Conn) (net.Conn, error)
	// AfterInfo runs one that comes after it, on a connection that is still in
	// clear.
	AfterInfo(nc net.Conn) (net.Conn, error)
}

// Presented is what came with a connection before it said anything: the state of
// TLS, and credentials that stand for those that its CONNECT leaves out.
type Presented struct {
	TLS                        *tls.ConnectionState // nil without
	JWT, User, Password, Token string               // from cookies
	Host                       string               // that the peer asked for, of a WebSocket
	IP                         string               // of the peer, where a proxy says so

	tlsFirst bool // the handshake came before INFO
}

// PeerCert is a certificate of the peer; the digests are hex.
type PeerCert struct{ Subject, KeySHA256, SHA256 string }

// certs returns the certificates that the peer has shown.
func (p *Presented) certs() []PeerCert {
	if p.TLS == nil {
		return nil
	}
	var list []PeerCert
	for _, c := range p.TLS.PeerCertificates {
		key, all := sha256.Sum256(c.RawSubjectPublicKeyInfo), sha256.Sum256(c.Raw)
		list = append(list, PeerCert{c.Subject.String(), hex.EncodeToString(key[:]), hex.EncodeToString(all[:])})
	}
	return list
}

// fill puts what was presented in the place of what a CONNECT leaves out.
func (p *Presented) fill(said *wire.Connect) {
	for _, f := range [...]struct{ to, from *string }{
		{&said.JWT, &p.JWT}, {&said.User, &p.User}, {&said.Password, &p.Password}, {&said.Token, &p.Token},
	} {
		if *f.to == "" {
			*f.to = *f.from
		}
	}
}
