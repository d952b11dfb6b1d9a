package server

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/conn"
	"moonwire/server/wire"
)

// renewer is an authority that knows whether a connection that was let in by
// another, with the options of before, would be let in by it.
type renewer interface {
	// Renew returns what an identity is now. The error says why the connection
	// has to go.
	Renew(id *auth.Identity, kind string) (*auth.Identity, error)
}

// OnReload has f take over the options of each reload that are not the
// server's own, those of the log: it is called with the new ones when all else
// in them is known to be good, and before they take effect. An error of f
// refuses the reload. Should the reload fail after all, f is called again with
// the options of before.
func OnReload(f func(o *Options) error) Option { return func(s *Server) { s.onReload = f } }

// Reload replaces the options while the server runs. All of them take effect, or,
// with an error, none: the error names each key that is wrong, or that only a
// restart can change; it is [ErrNotRunning] before Start and after Shutdown. The
// files of certificates are read again, whatever has changed.
//
// Connections whose user is gone, or is of another account, are closed without
// a word, those whose user has other credentials with -ERR 'Authorization
// Violation'. The others go on with what they may do now, and lose the
// subscriptions that they may no longer have. Limits of connections apply to new
// ones. Whom hooks let in stays as it is until it expires, unless its account is
// gone: the users of the options do not know it.
//
// Reload may be called at any time, also beside itself and the other methods.
func (s *Server) Reload(o Options) error {
	if err := o.Validate(); err != nil {
		return fmt.Errorf("invalid options: %w", err)
	}
	o = o.WithDefaults()
	changed, err := s.change(&o)
	if err != nil {
		return err
	}
	if s.operator != nil {
		s.operator.Reload() // waits for the resolver
	} else {
		s.reviewAll()
	}
	what := strings.Join(changed, ", ")
	if what == "" {
		what = "nothing has changed"
	}
	s.log.Info("Reloaded server configuration: " + what)
	s.tellReload(what)
	return nil
}

// change makes the options those of o, and returns the keys that differ, and which
// hooks are not what they were.
func (s *Server) change(o *Options) (changed []string, err error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if !s.running() {
		return nil, ErrNotRunning
	}
	changed, refused := s.options().Diff(o)
	if len(refused) > 0 {
		return nil, fmt.Errorf("only a restart can change %s", strings.Join(refused, ", "))
	}
	r, err := s.prepare(o)
	if err == nil {
		var loaded []string
		loaded, err = s.loadHooks(o) // the last that can fail, as it cannot be taken back
		changed = append(changed, loaded...)
	}
	if err == nil {
		err = s.adopt(r)
	}
	if err != nil {
		r.undo()
		if !s.running() { // whatever it broke upon, it is that
			err = ErrNotRunning
		}
	}
	return changed, err
}

// running reports whether the server was started and does not stop.
func (s *Server) running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mu.started && !s.mu.stopping
}

// reload is what was made for options before they take effect.
type reload struct {
	o          *Options
	who        authority // nil: stays
	certs      *certificates
	adoptFiles func()
	undos      []func()
}

// undo takes back what was made.
func (r *reload) undo() {
	for _, f := range r.undos {
		f()
	}
}

// prepare makes what o takes. With an error there may be something to undo.
func (s *Server) prepare(o *Options) (*reload, error) {
	r, before := &reload{o: o}, s.options()
	var err error
	switch {
	case s.operator == nil:
		if r.who, err = auth.New(o); err != nil {
			return r, fmt.Errorf("authorization: %w", err)
		}
		if _, err = account.NewSet(o); err != nil {
			return r, fmt.Errorf("accounts: %w", err)
		}
	case len(o.Operators)+len(o.TrustedKeys) == 0:
		return r, errors.New("only a restart can end the operator mode")
	}
	if r.certs, err = s.newCertificates(o); err != nil {
		return r, err
	}
	r.undos = append(r.undos, r.certs.close)
	var undoFiles func()
	if r.adoptFiles, undoFiles, err = s.newFiles(before, o); err != nil {
		return r, err
	}
	r.undos = append(r.undos, undoFiles)
	if s.onReload == nil {
		return r, nil
	}
	if err = s.onReload(o); err != nil {
		return r, err
	}
	r.undos = append(r.undos, func() { _ = s.onReload(before) }) // they were good enough then
	return r, nil
}

// adopt makes the options those of r, in which nothing is wrong.
func (s *Server) adopt(r *reload) error {
	if s.operator == nil {
		if _, err := s.accounts.Update(r.o); err != nil {
			return fmt.Errorf("accounts: %w", err)
		}
	}
	var old *certificates
	defer func() { old.close() }() // without the lock: it waits
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.stopping {
		return ErrNotRunning
	}
	if r.who != nil {
		s.auth.Store(&r.who)
	}
	s.rules.Add(1)
	s.opts.Store(r.o)
	s.loaded.Store(time.Now().UnixNano())
	s.env.Limits.Store(limits(r.o))
	s.env.Tracing.Store(r.o.Trace)
	s.env.NotifyDenied.Store(r.o.Hooks.Notify)
	old, s.mu.certs = s.mu.certs, r.certs
	r.certs.install(s)
	r.adoptFiles()
	s.announceLocked()
	return nil
}

// reviewAll has each connection go on as what its identity is now, or ends it.
// Those that come later are reviewed by [host.Admitted] where there is need.
func (s *Server) reviewAll() {
	s.mu.Lock()
	clients := s.clientsLocked()
	s.mu.Unlock()
	for _, c := range clients {
		s.review(c)
	}
}

// review lets a connection go on as what its identity is now, or ends it.
func (s *Server) review(c *conn.Client) {
	for done := false; !done; { // again, if it became another meanwhile
		id := c.Identity()
		switch {
		case id == nil:
			return // still to authenticate, which is decided by the new rules
		case byHooks(id):
			done = s.stays(c, id)
		case s.operator != nil:
			done = s.recheck(c, id)
		default:
			done = s.renew(c, id)
		}
	}
}

// renew is review by the users of the options. It reports false if the
// connection is no longer what it was.
func (s *Server) renew(c *conn.Client, id *auth.Identity) bool {
	now, err := s.authority().(renewer).Renew(native(id), c.Type())
	moved := err == nil && now.Account != id.Account
	if moved {
		err = fmt.Errorf("user %q is of account %q now", now.User, now.Account)
	}
	switch {
	case err == nil:
		return c.Regrant(id, ruledAs(id, now)) || c.Gone.Load()
	case c.Identity() != id:
		return false
	}
	s.brakes.auth.Zap().Error(fmt.Sprintf("%s - no longer admitted: %v", c, err))
	if moved || errors.Is(err, auth.ErrGone) {
		c.Close(conn.ClientClosed) // in silence, as nats-server does
	} else {
		c.Fail(wire.ErrAuthorization)
	}
	return true
}
