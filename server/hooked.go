package server

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"moonwire/hooks"
	"moonwire/server/account"
	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/conn"
	"moonwire/server/permission"
	"moonwire/server/wire"
)

// hooksChanged hands a new set of hooks to the accounts, and has the INFO say
// whether credentials are asked for now.
func (s *Server) hooksChanged(set *hooks.Set) {
	s.accounts.SetHooks(set.Table)
	select {
	case <-s.quit: // nobody is greeted any more, and a Start that failed has the lock
		return
	default:
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.listener != nil {
		s.announceLocked()
	}
}

// guarded reports whether hooks decide who may connect. Then nobody is anonymous:
// a client that says nothing of itself is still to be asked about.
func (s *Server) guarded() bool { return s.hooks.Table("").Guards() }

// errEnded is why a connection has no identity that was closed while hooks were
// asked.
var errEnded = errors.New("the connection has ended")

// askConnect asks the hooks who the sender of a CONNECT is. It returns neither an
// identity nor an error if that is for the server's own authentication to say.
func (s *Server) askConnect(c *conn.Client, connect *wire.Connect) (*auth.Identity, error) {
	t := s.hooks.Table("")
	if !t.Has(hooks.AtConnect) {
		return nil, nil
	}
	o := c.AskConnect(t, connect)
	switch {
	case c.Gone.Load():
		return nil, errEnded
	case o.Verdict.Refuses() && o.Hook == "":
		return nil, errors.New(o.Reason)
	case o.Verdict.Refuses():
		return nil, fmt.Errorf("hook %q: %q", o.Hook, o.Reason)
	case o.Identity == nil:
		return nil, nil
	}
	id, err := identityOf(o.Identity, time.Now())
	if err == nil {
		err = s.usable(id)
	}
	if err != nil {
		return nil, fmt.Errorf("what hooks say of user %q: %w", o.Identity.User, err)
	}
	return id, nil
}

// usable returns why nobody may be of the account of an identity that hooks made,
// or nil.
func (s *Server) usable(id *auth.Identity) error {
	_, err := s.accountOf(id) // which may have to be fetched
	if err == nil && s.operator != nil {
		err = s.operator.Usable(id.Account)
	}
	return err
}

// hookProof is the Proof of an identity in which hooks have a say.
type hookProof struct {
	admitted bool // hooks said who it is; the authority does not know it
	ruled    bool // hooks said what it may do
	of       any  // Proof for the authority; nil if admitted
}

// errNameless is why hooks that say something of a client, and not who it is, let
// nobody in. Whoever forgets the user would otherwise let everybody in, whatever
// the password.
var errNameless = errors.New("it has no user: a hook has to say who it is, or to allow without saying anything, which leaves that to the server's own users")

// identityOf returns what hooks say of a client as an identity.
func identityOf(h *hooks.Identity, now time.Time) (*auth.Identity, error) {
	if h.User == "" {
		return nil, errNameless
	}
	id := &auth.Identity{
		User: h.User, Account: h.Account, Expires: h.Expires, Limits: auth.Unlimited,
		Proof: &hookProof{admitted: true},
	}
	if id.Account == "" {
		id.Account = account.Global
	}
	if h.Limits.MaxPayload > 0 {
		id.Limits.MaxPayload = h.Limits.MaxPayload
	}
	if h.Limits.MaxSubscriptions > 0 {
		id.Limits.MaxSubscriptions = h.Limits.MaxSubscriptions
	}
	if !id.Expires.IsZero() && !id.Expires.After(now) {
		return nil, fmt.Errorf("it has expired at %s", id.Expires.Format(time.RFC3339))
	}
	for _, name := range slices.Sorted(maps.Keys(h.Tags)) {
		if strings.Contains(name, ":") {
			return nil, fmt.Errorf("the name of tag %q has a colon: leave it out, as tags are name:value", name)
		}
		id.Tags = append(id.Tags, name+":"+h.Tags[name])
	}
	var err error
	id.Permissions, err = compile(h.Permissions)
	return id, err
}

// compile returns permissions of hooks as a set.
func compile(p *hooks.Permissions) (*permission.Set, error) {
	if p == nil {
		return nil, nil
	}
	c := &config.Permissions{Publish: config.Rules(p.Publish), Subscribe: config.Rules(p.Subscribe)}
	if r := p.Responses; r != nil {
		c.Responses = &config.Responses{Max: r.Max, Expires: r.Expires}
	}
	set, err := permission.Compile(c)
	if err != nil {
		return nil, fmt.Errorf("permissions: %w", err)
	}
	return set, nil
}

// byHooks reports whether hooks said who an identity is.
func byHooks(id *auth.Identity) bool {
	p, ok := id.Proof.(*hookProof)
	return ok && p.admitted
}

// stays is review of a connection that hooks let in. They are not asked again: it
// goes on as what it is until it expires, unless its account is gone. It reports
// false if the connection is no longer what it was.
func (s *Server) stays(c *conn.Client, id *auth.Identity) bool {
	var why error
	switch {
	case s.operator != nil:
		why = s.operator.Usable(id.Account)
	case s.accounts.Get(id.Account) == nil:
		why = fmt.Errorf("there is no account %q any more", id.Account)
	}
	switch {
	case why == nil:
		return true
	case c.Identity() != id:
		return false
	}
	s.brakes.auth.Zap().Error(fmt.Sprintf("%s - no longer admitted: %v", c, why))
	if s.operator != nil {
		c.Fail(faultOf(why))
	} else {
		c.Close(conn.MissingAccount)
	}
	return true
}

// native returns id as the authority knows it.
func native(id *auth.Identity) *auth.Identity {
	p, ok := id.Proof.(*hookProof)
	if !ok {
		return id
	}
	known := *id
	known.Proof = p.of
	return &known
}

// ruledAs returns now, what the authority says that id has become, with what
// hooks have said that it may do.
func ruledAs(id, now *auth.Identity) *auth.Identity {
	if p, ok := id.Proof.(*hookProof); ok && p.ruled {
		return ruled(now, id.Permissions)
	}
	return now
}

// ruled returns id with other permissions.
func ruled(id *auth.Identity, set *permission.Set) *auth.Identity {
	p := hookProof{of: id.Proof}
	if old, ok := id.Proof.(*hookProof); ok {
		p = *old
	}
	p.ruled = true
	next := *id
	next.Permissions, next.Proof = set, &p
	return &next
}

// tellAuthError tells hooks of a connection that was not admitted. Its account is
// not known, so that those hear of it that are for all accounts.
func (s *Server) tellAuthError(who func() *hooks.Client, reason string) {
	if t := s.hooks.Table(""); t.Has(hooks.AtEvent) {
		t.Notify(hooks.Event{Type: hooks.EventAuthError, Time: time.Now(), Client: who(), Reason: reason})
	}
}

// tellReload tells hooks, those that are at work now, of what has changed. The
// manager does so when one hook was loaded by itself.
func (s *Server) tellReload(what string) {
	s.hooks.Set().Notify(hooks.Event{Type: hooks.EventReload, Time: time.Now(), Reason: what})
}
