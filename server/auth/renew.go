package auth

import "bytes"

// Renew returns who a connection is now that another authenticator let in with
// the identity id, for the options of before: the same user, if it is still
// there with the same credentials and may still connect in that way. It is nil if
// the connection has to go. Nothing is asked of the client again.
func (a *Authenticator) Renew(id *Identity, kind string) *Identity {
	w := a.way(kind)
	if !w.required {
		return a.plain
	}
	was, ok := id.Proof.(*user)
	if !ok {
		return a.AnonymousOver(kind) // it had no credentials
	}
	for _, u := range []*user{a.nkeys[id.User], a.users[id.User], w.single, w.token, w.noAuth} {
		if u != nil && u.is(was) && u.mayUse(kind) {
			return u.id
		}
	}
	return nil
}

// is reports whether u and v, of two configurations, are one user with the same
// credentials.
func (u *user) is(v *user) bool {
	if u.id.User != v.id.User || (u.key == nil) != (v.key == nil) || (u.secret == nil) != (v.secret == nil) {
		return false
	}
	return u.secret == nil || u.secret.sum == v.secret.sum && bytes.Equal(u.secret.hash, v.secret.hash)
}
