package hooks

import "errors"

// Control is what a hook can do to connections that are there already: the
// server's answer to "this user's rights have changed".
type Control interface {
	// Disconnect ends connections, and returns how many. They are told
	// -ERR 'User Authentication Revoked'; the reason goes to the log.
	Disconnect(of Selector, reason string) (int, error)
	// SetPermissions replaces what connections may do, and returns how many
	// there were. Open subscriptions are checked again; those that are no longer
	// allowed end, and the client is told. Nil allows everything.
	SetPermissions(of Selector, p *Permissions) (int, error)
}

// Controls is a Control that tells hooks apart: what one in shadow mode would do is
// logged, and done to nobody.
type Controls interface {
	Control
	// By returns the Control of the hook with a name. It may be called at any time.
	By(hook string) Control
}

// Selector says which connections are meant: those of which all that is set is
// true.
type Selector struct {
	ID            uint64 // of the connection
	User, Account string
	Tags          map[string]string
}

// ErrNobody is the error for a selector in which nothing is set: nobody means
// all connections by mistake.
var ErrNobody = errors.New("the selector is empty: say which connections are meant by id, user, account or tags")

// Check returns ErrNobody if nothing is set.
func (s *Selector) Check() error {
	if s.ID == 0 && s.User == "" && s.Account == "" && len(s.Tags) == 0 {
		return ErrNobody
	}
	return nil
}

// Selects reports whether c is meant.
func (s *Selector) Selects(c *Client) bool {
	if s.ID != 0 && s.ID != c.ID || s.User != "" && s.User != c.User || s.Account != "" && s.Account != c.Account {
		return false
	}
	for k, v := range s.Tags {
		if got, ok := c.Tags[k]; !ok || got != v {
			return false
		}
	}
	return true
}
