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

// announceLocked makes the INFO lines anew, from what the server is now.
func (s *Server) announceLocked() {
	i := wire.Info{
		ServerID: s.id, ServerName: s.name, Version: CompatibleVersion,
		Proto: 1, GoVersion: runtime.Version(),
		Host: s.opts.Host, Port: port(s.mu.listener.Addr()),
		Headers: !s.opts.NoHeaderSupport, AuthRequired: s.auth.Required(),
		MaxPayload: s.opts.MaxPayload, APILevel: apiLevel,
		XKey: s.xkey, Moonwire: Version,
	}
	if s.opts.ClientAdvertise != "" {
		i.Host, i.Port = advertised(s.opts.ClientAdvertise, i.Port)
	}
	s.env.Greeting.Store(wire.NewTemplate(i))
	// Those who come to know it later than the others have seen nothing of the
	// lame duck either: they are closed like all.
	answer, notice := i, i
	answer.ConnectInfo, answer.RemoteAccount = true, account.Global
	s.env.Answer.Store(wire.NewTemplate(answer))
	notice.LameDuck = s.lameDuck.Load()
	s.env.Notice.Store(wire.NewTemplate(notice))
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
