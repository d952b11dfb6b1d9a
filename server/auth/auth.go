package auth

import (
	"crypto/sha256"
	"crypto/subtle"
	"strings"

	"golang.org/x/crypto/bcrypt"

	"moonwire/server/wire"
)

// Credentials is what the authorization block of a configuration asks for:
// one user with a password, or a token, or nothing. Password and Token are in
// clear text or bcrypt ($2a$…).
type Credentials struct {
	User, Password, Token string
}

// Identity is who a connection is.
type Identity struct {
	User string // empty for a token, and where nothing is asked for
}

// Authenticator checks credentials. It is immutable.
type Authenticator struct {
	want Credentials
}

// New returns an authenticator that asks for c.
func New(c Credentials) *Authenticator { return &Authenticator{want: c} }

// Required reports whether anything is asked for.
func (a *Authenticator) Required() bool {
	return a.want.User != "" || a.want.Password != "" || a.want.Token != ""
}

// Authenticate reports who the sender of a CONNECT is, and whether its
// credentials are right.
func (a *Authenticator) Authenticate(c *wire.Connect) (Identity, bool) {
	switch {
	case !a.Required():
		return Identity{}, true
	case a.want.Token != "":
		return Identity{}, matches(a.want.Token, c.Token)
	}
	user := equal(a.want.User, c.User)
	password := matches(a.want.Password, c.Password)
	return Identity{User: a.want.User}, user && password
}

// matches compares a secret of the configuration with one that was given.
func matches(want, got string) bool {
	if strings.HasPrefix(want, "$2a$") {
		return bcrypt.CompareHashAndPassword([]byte(want), []byte(got)) == nil
	}
	return equal(want, got)
}

// equal compares in a time that depends neither on the content nor on how much
// of it is right.
func equal(want, got string) bool {
	w, g := sha256.Sum256([]byte(want)), sha256.Sum256([]byte(got))
	return subtle.ConstantTimeCompare(w[:], g[:]) == 1
}
