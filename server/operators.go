package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/conn"
	"moonwire/server/operator"
	"moonwire/server/wire"
)

// claims are the accounts that were asked for in operator mode, as their JWTs
// describe them. Guarded by Server.changing.
type claims map[string]config.Account

// operated makes operator mode an authority.
type operated struct{ *operator.Authenticator }

// RequiredOver implements authority.
func (operated) RequiredOver(string) bool { return true }

// AnonymousOver implements authority.
func (o operated) AnonymousOver(string) *auth.Identity { return o.Anonymous() }

// MayWait implements authority: accounts are fetched.
func (operated) MayWait() bool { return true }

// fetchAccount takes in an account in operator mode, and those that it imports
// from.
func (s *Server) fetchAccount(key string) (*account.Account, error) {
	if err := s.lookUp(key); err != nil {
		return nil, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if a := s.accounts.Get(key); a != nil && !s.unread(a) { // somebody was faster
		return a, nil
	}
	err := s.learnLocked(key)
	switch {
	case err == nil:
	case key == s.system.account.Name: // its users are those who can mend it
		s.log.Error(fmt.Sprintf("Account %s: its JWT is not heeded: %v", key, err))
	default:
		return nil, err
	}
	if key == s.system.account.Name {
		s.system.read.Store(true)
	}
	if a := s.accounts.Get(key); a != nil {
		return a, nil
	}
	return nil, fmt.Errorf("there is no account %q", key)
}

// unread reports whether nobody has looked yet what the JWT of an account says:
// the system account is there before anybody has.
func (s *Server) unread(a *account.Account) bool {
	return s.operator != nil && a == s.system.account && !s.system.read.Load()
}

// lookUp has the resolver asked for an account, and for those that it imports from
// and that are not taken in yet. Whoever waits for the resolver does so here, where
// nobody waits for him.
func (s *Server) lookUp(key string) error {
	exporters, err := s.operator.Look(context.Background(), key)
	if err != nil {
		return err
	}
	seen := map[string]bool{key: true}
	for len(exporters) > 0 {
		next := exporters[0]
		exporters = exporters[1:]
		if seen[next] || s.accounts.Get(next) != nil {
			continue
		}
		seen[next] = true
		if more, err := s.operator.Look(context.Background(), next); err == nil { // else it is left out, with a line in the log
			exporters = append(exporters, more...)
		}
	}
	return nil
}

// learnLocked takes in what is known of some accounts, and of those that they
// import from; one that is there no more is let go. With an error nothing is taken
// in: what is wrong of one account must not stay in the way of the others.
func (s *Server) learnLocked(keys ...string) error {
	before := maps.Clone(s.claims)
	for _, key := range keys {
		err := s.readLocked(key)
		if errors.Is(err, operator.ErrNoAccount) && key != s.operator.SystemAccount() {
			delete(s.claims, key)
		} else if err != nil {
			s.claims = before
			return err
		}
	}
	if _, err := s.accounts.Update(s.claimed(s.options())); err != nil {
		s.claims = before
		return err
	}
	return nil
}

// readLocked reads what is known of an account, and of those that it imports
// from and that are not known yet. Imports from others are left out.
func (s *Server) readLocked(key string) error {
	known, err := s.operator.Account(key)
	if err != nil {
		return err
	}
	s.claims[key] = *known // before those that may import from it in turn
	kept := known.Imports[:0]
	for _, i := range known.Imports {
		if _, ok := s.claims[i.Account]; !ok {
			if err := s.readLocked(i.Account); err != nil {
				s.log.Warn(fmt.Sprintf("Account %s: import of %q is left out: %v", key, i.Subject, err))
				continue
			}
		}
		kept = append(kept, i)
	}
	known.Imports = kept
	s.claims[key] = *known
	return nil
}

// accountInUse reports whether an account has connections.
func (s *Server) accountInUse(key string) bool {
	a := s.accounts.Get(key)
	return a != nil && a.Clients.Load() > 0
}

// claimed returns o with the accounts that are known by their JWTs, and the
// system account, which is there from the start.
func (s *Server) claimed(o *Options) *Options {
	c := *o
	c.SystemAccount = s.operator.SystemAccount()
	c.Accounts = nil
	if _, known := s.claims[c.SystemAccount]; !known && c.SystemAccount != "" {
		c.Accounts = append(c.Accounts, config.Account{Name: c.SystemAccount})
	}
	for _, a := range s.claims {
		c.Accounts = append(c.Accounts, a)
	}
	return &c
}

// reviewAccount follows a change of an account's JWT. Those that import from the
// account are read again with it, as they may no longer be offered what they
// import.
func (s *Server) reviewAccount(key string) {
	_ = s.lookUp(key) // what is wrong is found again
	s.changing.Lock()
	if _, ok := s.claims[key]; !ok && s.accounts.Get(key) == nil {
		s.rules.Add(1) // whoever is let in, and waits for the account, has the old JWT
		s.changing.Unlock()
		return
	}
	keys := []string{key}
	for importer, c := range s.claims {
		if importer != key && slices.ContainsFunc(c.Imports, func(i config.Import) bool { return i.Account == key }) {
			keys = append(keys, importer)
		}
	}
	if err := s.learnLocked(keys...); err != nil {
		s.log.Error(fmt.Sprintf("Account %s: its new JWT is not heeded: %v", key, err))
	}
	s.rules.Add(1)
	s.changing.Unlock()

	s.mu.Lock()
	clients := s.clientsLocked()
	s.mu.Unlock()
	for _, c := range clients {
		if id := c.Identity(); id != nil && id.Account == key {
			s.review(c)
		}
	}
}

// recheck is review by the JWTs of operator mode. It reports false if the
// connection is no longer what it was.
func (s *Server) recheck(c *conn.Client, id *auth.Identity) bool {
	now, err := s.operator.Recheck(native(id))
	switch {
	case err == nil:
		return c.Regrant(id, ruledAs(id, now)) || c.Gone.Load()
	case c.Identity() != id:
		return false
	}
	s.brakes.auth.Zap().Error(fmt.Sprintf("%s - no longer admitted: %v", c, err))
	c.Fail(faultOf(err))
	return true
}

// faultOf returns what a client is told that is no longer admitted.
func faultOf(err error) *wire.Error {
	switch {
	case errors.Is(err, operator.ErrRevoked):
		return wire.ErrRevoked
	case errors.Is(err, operator.ErrExpired):
		return wire.ErrExpired
	case errors.Is(err, operator.ErrAccountExpired), errors.Is(err, operator.ErrNoAccount):
		return wire.ErrAccountExpired
	}
	return wire.ErrAuthorization
}
