package server

import (
	"fmt"
	"net"
	"runtime"
	"strconv"

	"moonwire/server/account"
	"moonwire/server/conn"
	"moonwire/server/wire"
)

// host is the server as its connections see it.
type host struct{ *Server }

// Authenticate implements [conn.Host].
func (s host) Authenticate(c *conn.Client, connect *wire.Connect) (*account.Account, string) {
	id, ok := s.auth.Authenticate(connect)
	if !ok {
		s.log.Error(fmt.Sprintf("%s - authentication error%s", c, userOf(connect)))
		return nil, ""
	}
	return s.global, id.User
}

// userOf names who failed to authenticate, without any secret.
func userOf(connect *wire.Connect) string {
	switch {
	case connect.User != "":
		return fmt.Sprintf(" - User %q", connect.User)
	case connect.Nkey != "":
		return fmt.Sprintf(" - Nkey %q", connect.Nkey)
	case connect.Token != "":
		return " - with a token"
	}
	return ""
}

// Anonymous implements [conn.Host].
func (s host) Anonymous() *account.Account {
	if s.auth.Required() {
		return nil
	}
	return s.global
}

// Info implements [conn.Host].
func (s host) Info() wire.Info {
	i := wire.Info{
		ServerID: s.id, ServerName: s.name, Version: CompatibleVersion,
		Proto: 1, GoVersion: runtime.Version(),
		Host: s.opts.Host, Port: port(s.Addr()),
		Headers: !s.opts.NoHeaderSupport, AuthRequired: s.auth.Required(),
		MaxPayload: s.opts.MaxPayload, APILevel: apiLevel,
		XKey: s.xkey, Moonwire: Version,
	}
	if s.opts.ClientAdvertise != "" {
		i.Host, i.Port = advertised(s.opts.ClientAdvertise, i.Port)
	}
	return i
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
func (s host) Closed(c *conn.Client) {
	snapshot := c.Final()
	switch {
	case snapshot.Reason.Slow():
		s.cut.Add(1)
	case snapshot.Reason == conn.StaleConnection:
		s.stale.Add(1)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.clients, c.ID)
	if snapshot.Reason != conn.MaxConnections {
		s.mu.admitted--
	}
	s.mu.closed.add(snapshot)
}
