package server

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strconv"
	"time"

	"moonwire/hooks"
	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/conn"
	"moonwire/server/wire"
)

// authority says who connections are. It is immutable: a reload replaces it.
type authority interface {
	// RequiredOver reports whether a connection of a type needs credentials.
	RequiredOver(kind string) bool
	// AnonymousOver is what one is that has none; nil where it needs some.
	AnonymousOver(kind string) *auth.Identity
	// NeedsNonce reports whether clients have something to sign.
	NeedsNonce() bool
	// MayWait reports whether Authenticate may have to wait for somebody.
	MayWait() bool
	// Authenticate says who sent a CONNECT. The error is for the log, and holds
	// no secret.
	Authenticate(r *auth.Request) (*auth.Identity, error)
}

// host is the server as its connections see it.
type host struct{ *Server }

// Authenticate implements [conn.Host].
func (s host) Authenticate(c *conn.Client, connect *wire.Connect) *conn.Admission {
	rules := s.rules.Load() // before they are asked
	id, err := s.askConnect(c, connect)
	if id == nil && err == nil {
		id, err = s.authenticate(c, connect)
	}
	if err == nil {
		var a *account.Account
		if a, err = s.accountOf(id); err == nil {
			return &conn.Admission{Identity: id, Account: a, Rules: rules}
		}
	}
	if !errors.Is(err, errEnded) { // of which its end tells
		s.brakes.auth.Zap().Error(fmt.Sprintf("%s - authentication error: %v", c, err))
		s.tellAuthError(func() *hooks.Client { return c.Stranger(connect) }, err.Error())
	}
	return nil
}

// MayWait implements [conn.Host]. What a reload changes while it is asked is known at
// the next CONNECT.
func (s host) MayWait() bool {
	return s.authority().MayWait() || s.hooks.Table("").Has(hooks.AtConnect)
}

// authenticate has the authority say who the sender of a CONNECT is.
func (s *Server) authenticate(c *conn.Client, connect *wire.Connect) (*auth.Identity, error) {
	r := auth.Request{
		Connect: connect, Type: c.Type(), TLS: c.Presented().TLS, Time: time.Now(),
	}
	if n := c.Nonce(); n != "" {
		r.Nonce = []byte(n)
	}
	r.Addr, _ = netip.ParseAddr(c.IP())
	return s.authority().Authenticate(&r)
}

// Anonymous implements [conn.Host].
func (s host) Anonymous(c *conn.Client) *conn.Admission {
	if s.guarded() {
		return nil
	}
	rules := s.rules.Load()
	id := s.authority().AnonymousOver(c.Type())
	if id == nil {
		return nil
	}
	a, err := s.accountOf(id)
	if err != nil {
		s.brakes.auth.Zap().Error(fmt.Sprintf("%s - without credentials: %v", c, err))
		return nil
	}
	return &conn.Admission{Identity: id, Account: a, Rules: rules, Late: s.asksFor(s.authority(), c.Type())}
}

// Admitted implements [conn.Host]. A reload that looked at the connection before
// it was what it is now has left it alone.
func (s host) Admitted(c *conn.Client, a *conn.Admission) {
	switch {
	case s.rules.Load() == a.Rules:
	case s.accounts.Get(a.Account.Name) != a.Account:
		c.Close(conn.MissingAccount)
	default:
		s.review(c)
	}
}

// authority returns who decides now.
func (s *Server) authority() authority { return *s.auth.Load() }

// accountOf returns the account of an identity.
func (s *Server) accountOf(id *auth.Identity) (*account.Account, error) {
	if a := s.accounts.Get(id.Account); a != nil && !s.unread(a) {
		return a, nil
	}
	if s.operator != nil {
		return s.fetchAccount(id.Account)
	}
	return nil, fmt.Errorf("there is no account %q", id.Account)
}

// announceLocked makes the INFO lines anew, from what the server is now.
func (s *Server) announceLocked() {
	o, who := s.options(), s.authority()
	i := wire.Info{
		ServerID: s.id, ServerName: s.name, Version: CompatibleVersion,
		Proto: 1, GoVersion: runtime.Version(),
		Host: o.Host, Port: port(s.mu.listener.Addr()),
		Headers: !o.NoHeaderSupport, APILevel: apiLevel,
		XKey: s.xkey, Moonwire: Version,
	}
	if o.ClientAdvertise != "" {
		i.Host, i.Port = advertised(o.ClientAdvertise, i.Port)
	}
	nonce := who.NeedsNonce() || s.guarded() // hooks may want signatures
	if nonce {
		i.Nonce = "…" // each connection gets its own
	}
	for _, by := range s.entrances() {
		i := i
		s.describeLocked(&i, by)
		if i.AuthRequired = s.guarded() || who.RequiredOver(by.Type); by == &s.ways.web {
			i.AuthRequired = s.asksFor(who, by.Type) // so does nats-server, and so clients expect it
		}
		by.Nonce.Store(nonce)
		by.Greeting.Store(wire.NewTemplate(i))
		by.GreetingTLS.Store(nil)
		if i.TLSAvailable && !i.TLSRequired {
			secured := i
			secured.TLSRequired = true
			by.GreetingTLS.Store(wire.NewTemplate(secured))
		}
		// Those who come to know it later than the others have seen nothing of the
		// lame duck either: they are closed like all.
		answer, notice := i, i
		answer.ConnectInfo, answer.RemoteAccount = true, account.Global
		answer.AuthRequired = s.asksFor(who, by.Type)
		answer.Nonce = ""
		by.Answer.Store(wire.NewTemplate(answer))
		notice.LameDuck = s.lameDuck.Load()
		notice.Nonce = ""
		by.Notice.Store(wire.NewTemplate(notice))
	}
}

// describeLocked says in i where an entrance is, and how TLS begins there.
func (s *Server) describeLocked(i *wire.Info, by *conn.Entrance) {
	o := s.options()
	switch by {
	case &s.ways.tcp:
		if o.TLS != nil {
			i.TLSRequired, i.TLSAvailable = !o.AllowNonTLS, o.AllowNonTLS
			i.TLSVerify = o.TLS.Verify || o.TLS.VerifyAndMap
		}
	case &s.ways.web:
		if s.mu.web == nil {
			return
		}
		i.Host, i.Port = cmp.Or(o.WebSocket.Host, o.Host), port(s.mu.web.Addr())
		if t := o.WebSocket.TLS; t != nil {
			i.TLSRequired, i.TLSAvailable = true, true
			i.TLSVerify = t.Verify || t.VerifyAndMap
		}
	}
}

// asksFor reports whether credentials mean something over a type of connection,
// be it that a client may do without.
func (s *Server) asksFor(who authority, kind string) bool {
	o := s.options()
	return s.guarded() || who.RequiredOver(kind) || o.NoAuthUser != "" || kind == auth.WebSocket && o.WebSocket.NoAuthUser != ""
}

// advertised cuts host:port or host.
func advertised(a string, otherwise int) (string, int) {
	host, p, err := net.SplitHostPort(a)
	if err != nil {
		return a, otherwise
	}
	n, err := strconv.Atoi(p)
	if err != nil || n <= 0 {
		n = otherwise
	}
	return host, n
}

// Closed implements [conn.Host].
func (s host) Closed(c *conn.Client, snapshot conn.Snapshot) {
	switch {
	case snapshot.Reason.Slow():
		s.cut.Add(1)
	case snapshot.Reason == conn.StaleConnection:
		s.stale.Add(1)
	case snapshot.Reason == conn.AuthTimeout:
		s.tellAuthError(c.Describe, string(snapshot.Reason))
	}
	defer s.tasks.Done()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.clients, c.ID)
	if snapshot.Reason != conn.MaxConnections {
		s.mu.admitted--
	}
	s.mu.closed.add(snapshot)
}
