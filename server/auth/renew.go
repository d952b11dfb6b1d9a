package auth

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrGone is why a connection has to go whose user is not there any more.
var ErrGone = errors.New("the user is gone")

var (
	errChanged = errors.New("the user has other credentials")
	errNeeded  = errors.New("credentials are needed")
)

// Renew returns who a connection is now that another authenticator let in with
// the identity id, for the options of before: the same user, if it is still
// there with the same credentials and may still connect in that way. A
// connection without credentials is what one is now that has none. Nothing is
// asked of the client again. The error says why it has to go, without any
// secret; it wraps ErrGone if its user is not there any more.
func (a *Authenticator) Renew(id *Identity, kind string) (*Identity, error) {
	w := a.way(kind)
	if !w.required {
		return a.plain, nil
	}
	was, ok := id.Proof.(*user)
	if !ok || was.free {
		if now := a.AnonymousOver(kind); now != nil {
			return now, nil
		}
		return nil, errNeeded
	}
	err := ErrGone
	for _, u := range []*user{a.nkeys[id.User], a.users[id.User], w.single, w.token} {
		switch {
		case u == nil || u.id.User != id.User:
		case !u.is(was):
			err = errChanged
		case !u.mayUse(kind):
			return nil, u.wrongWay(kind)
		default:
			return u.id, nil
		}
	}
	if id.User == "" {
		return nil, fmt.Errorf("token: %w", errChanged) // or nobody asks for one any more
	}
	return nil, fmt.Errorf("user %q: %w", id.User, err)
}

// is reports whether u and v, of two configurations and with one name, have the
// same credentials.
func (u *user) is(v *user) bool {
	if (u.key == nil) != (v.key == nil) || (u.secret == nil) != (v.secret == nil) {
		return false
	}
	return u.secret == nil || u.secret.sum == v.secret.sum && bytes.Equal(u.secret.hash, v.secret.hash)
}
