package server

import (
	"context"
	"errors"
	"fmt"

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

// fetchAccount takes in an account in operator mode, and those that it imports
// from.
func (s *Server) fetchAccount(key string) (*account.Account, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if a := s.accounts.Get(key); a != nil { // somebody was faster
		return a, nil
	}
	if err := s.learnLocked(key); err != nil {
		return nil, err
	}
	if err := s.relinkLocked(); err != nil {
		delete(s.claims, key)
		return nil, err
	}
	if a := s.accounts.Get(key); a != nil {
		return a, nil
	}
	return nil, fmt.Errorf("there is no account %q", key)
}

// learnLocked reads what is known of an account, and of those that it imports
// from and that are not known yet: imports from others are left out.
func (s *Server) learnLocked(key string) error {
	known, err := s.operator.Account(context.Background(), key)
	if err != nil {
		return err
	}
	s.claims[key] = *known
	for _, i := range known.Imports {
		if _, ok := s.claims[i.Account]; ok {
			continue
		}
		if err := s.learnLocked(i.Account); err != nil {
			s.log.Warn(fmt.Sprintf("Account %s: import of %q is left out: %v", key, i.Subject, err))
		}
	}
	return nil
}

// relinkLocked links the accounts anew.
func (s *Server) relinkLocked() error {
	_, err := s.accounts.Update(s.claimed(s.options()))
	return err
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

// reviewAccount follows a change of an account's JWT.
func (s *Server) reviewAccount(key string) {
	s.changing.Lock()
	before, ok := s.claims[key]
	if !ok {
		s.changing.Unlock()
		return
	}
	err := s.learnLocked(key)
	if err == nil {
		err = s.relinkLocked()
	}
	if err != nil {
		s.claims[key] = before
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
	now, err := s.operator.Recheck(id)
	switch {
	case err == nil:
		return c.Regrant(id, now) || c.Gone.Load()
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
