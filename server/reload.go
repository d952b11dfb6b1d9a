package server

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"moonwire/server/auth"
	"moonwire/server/conn"
	"moonwire/server/wire"
)

// renewer is an authority that knows whether a connection that was let in by
// another, with the options of before, would be let in by it.
type renewer interface {
	// Renew returns what an identity is now; nil if its user is gone, or has
	// other credentials.
	Renew(id *auth.Identity, kind string) *auth.Identity
}

// Reload replaces the options while the server runs. All of them take effect, or,
// with an error, none: the error names each key that is wrong, or that only a
// restart can change. Connections whose user is gone, or has got other
// credentials, are closed; the others go on with what they may do now, and lose
// the subscriptions that they may no longer have. Limits of connections apply
// to new ones.
func (s *Server) Reload(o Options) error {
	if err := o.Validate(); err != nil {
		return fmt.Errorf("invalid options: %w", err)
	}
	o = o.WithDefaults()
	s.changing.Lock()
	defer s.changing.Unlock()
	changed, refused := s.options().Diff(&o)
	if len(refused) > 0 {
		return fmt.Errorf("only a restart can change %s; nothing was reloaded", strings.Join(refused, ", "))
	}
	if s.operator != nil {
		return s.reloadOperator(&o, changed)
	}
	var who authority
	who, err := auth.New(&o)
	if err != nil {
		return fmt.Errorf("authorization: %w", err)
	}
	certs, err := s.newCertificates(&o)
	if err != nil {
		return err
	}
	removed, err := s.accounts.Update(&o)
	if err != nil {
		certs.close()
		return fmt.Errorf("accounts: %w", err)
	}
	s.auth.Store(&who)
	clients := s.adopt(&o, certs)
	gone := make(map[string]bool)
	for _, a := range removed {
		gone[a.Name] = true
	}
	for _, c := range clients {
		s.renew(who.(renewer), c, gone)
	}
	s.reloaded(changed)
	return nil
}

// adopt makes o the options, with nothing left that could fail, and returns the
// connections that came before.
func (s *Server) adopt(o *Options, certs *certificates) []*conn.Client {
	s.opts.Store(o)
	s.loaded.Store(time.Now().UnixNano())
	s.env.Limits.Store(limits(o))
	s.env.Tracing.Store(o.Trace)
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.mu.certs
	if old.web != nil { // its listener goes on with it; whether the files load was tried
		_ = old.web.Reload()
		certs.web, old.web = old.web, certs.web
	}
	s.mu.certs = certs
	certs.install(s)
	old.close()
	s.announceLocked()
	return s.clientsLocked()
}

// renew lets a connection go on as what its identity is now, or ends it.
func (s *Server) renew(who renewer, c *conn.Client, gone map[string]bool) {
	id := c.Identity()
	if id == nil {
		return // still to authenticate, which is decided by the new options
	}
	now := who.Renew(id, c.Type())
	switch {
	case now == nil || now.Account != id.Account:
		c.Fail(wire.ErrAuthorization)
	case gone[id.Account]:
		c.Close(conn.MissingAccount)
	default:
		c.Regrant(now)
	}
}

func (s *Server) reloaded(changed []string) {
	if len(changed) == 0 {
		s.log.Info("Reloaded server configuration: nothing has changed")
		return
	}
	s.log.Info("Reloaded server configuration: " + strings.Join(changed, ", "))
}

// errOperatorReload says what a reload cannot change in operator mode.
var errOperatorReload = errors.New("in operator mode only a restart can change operator, resolver and trusted_keys; nothing was reloaded")

// reloadOperator is Reload in operator mode, where accounts and users are not in
// the options.
func (s *Server) reloadOperator(o *Options, changed []string) error {
	if len(o.Operators)+len(o.TrustedKeys) == 0 {
		return errOperatorReload
	}
	certs, err := s.newCertificates(o)
	if err != nil {
		return err
	}
	s.adopt(o, certs)
	s.operator.Reload()
	s.reloaded(changed)
	return nil
}
