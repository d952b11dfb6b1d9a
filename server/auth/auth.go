package auth

import (
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/nats-io/nkeys"

	"moonwire/server/wire"
)

// Authenticator lets connections in by the users of a configuration. It is
// immutable, and any number of goroutines may use it.
type Authenticator struct {
	users   map[string]*user // by name
	nkeys   map[string]*user // by public key
	named   []*user          // users, in the order of the configuration
	names   directory        // users again, if a certificate may name one
	plain   *Identity        // who everybody is where nothing is asked for
	compare *comparer
	seed    maphash.Seed // of the choice of a stand-in
	nonce   bool
	hashes  bool // somebody's secret is a bcrypt hash

	standard  way // the client listener, and connections in the process
	websocket way
	other     way // what else there may be: as standard, but without certificates
}

// user is somebody who may connect, by name, by nkey or with a token.
type user struct {
	id     *Identity
	secret *secret       // nil for one with an nkey
	key    nkeys.KeyPair // the public key of one with an nkey, else nil
	types  []string      // ways in which the user may connect; empty for all
	// certified: has no password, since somewhere a certificate stands for it.
	certified bool
	// free: who is this user has proved nothing, and need not.
	free bool
}

func (u *user) mayUse(way string) bool {
	return len(u.types) == 0 || slices.Contains(u.types, way)
}

// way is what a way to connect asks for.
type way struct {
	required bool  // anything at all
	mapped   bool  // a certificate names the user, if there are users with names
	token    *user // nil if no token is asked for
	single   *user // the one user besides users and nkeys; may be nil
	noAuth   *user // who one without credentials is; may be nil
	free     *user // noAuth, as whom it is that has shown no credentials; nil without it
	// implied: noAuth stands in no configuration, and INFO does not own up to it.
	implied bool
}

func (a *Authenticator) way(kind string) *way {
	switch kind {
	case Standard, InProcess:
		return &a.standard
	case WebSocket:
		return &a.websocket
	}
	return &a.other
}

// Required reports whether INFO says that authentication is required: something
// is asked for, and there is no no_auth_user. It is RequiredOver(Standard).
func (a *Authenticator) Required() bool { return a.RequiredOver(Standard) }

// RequiredOver is Required for another way to connect.
func (a *Authenticator) RequiredOver(kind string) bool {
	w := a.way(kind)
	return w.required && (w.noAuth == nil || w.implied)
}

// NeedsNonce reports whether INFO has a nonce, because users with an nkey exist
// or because the configuration says so.
func (a *Authenticator) NeedsNonce() bool { return a.nonce }

// MayWait reports whether Authenticate may wait for others to be done with a bcrypt
// hash.
func (a *Authenticator) MayWait() bool { return a.hashes }

// Anonymous returns who a connection is that sent no CONNECT: the no_auth_user,
// or the plain identity where nothing is asked for. It is nil where credentials
// are needed, and so where a certificate names the user. It is
// AnonymousOver(Standard).
func (a *Authenticator) Anonymous() *Identity { return a.AnonymousOver(Standard) }

// AnonymousOver is Anonymous for another way to connect.
func (a *Authenticator) AnonymousOver(kind string) *Identity {
	w := a.way(kind)
	if !w.required {
		return a.plain
	}
	if !w.open() || !w.noAuth.mayUse(kind) {
		return nil
	}
	return w.free.id
}

// open reports whether credentials may be left out. A certificate goes before a
// no_auth_user with a name, and after one with an nkey.
func (w *way) open() bool { return w.noAuth != nil && (!w.mapped || w.noAuth.key != nil) }

// Authenticate says who the connection is. The error is for the log: it says
// who was refused and why, without any secret. It waits while too many
// passwords are compared with bcrypt hashes; see [Authenticator.MayWait].
func (a *Authenticator) Authenticate(r *Request) (*Identity, error) {
	kind := r.Type
	if kind == "" {
		kind = Standard
	}
	w := a.way(kind)
	if !w.required {
		return a.plain, nil
	}
	u, err := a.prove(w, kind, r)
	if err != nil {
		return nil, err
	}
	if !u.mayUse(kind) {
		return nil, u.wrongWay(kind)
	}
	return u.id, nil
}

func (u *user) wrongWay(kind string) error {
	return fmt.Errorf("user %q may not connect as %s, only as %s", u.id.User, kind, strings.Join(u.types, ", "))
}

// prove returns the user that a connection proves to be.
func (a *Authenticator) prove(w *way, kind string, r *Request) (*user, error) {
	c := r.Connect
	switch {
	case len(a.nkeys) > 0 && c.Nkey != "":
		return a.byNkey(w, r)
	case w.open() && c.User == "" && c.Password == "" && c.Token == "":
		return w.free, nil
	case w.mapped:
		u, err := a.byCertificate(r.TLS, kind)
		if err == nil && !a.compare.equal(u.secret, c.Password) {
			err = fmt.Errorf("user %q, named by a certificate: %w", u.id.User, errPassword)
		}
		return u, err
	case w.token != nil:
		return w.token, a.checkToken(w.token, c)
	case c.User == "":
		return nil, errNoUser
	case w.single != nil:
		return w.single, a.checkSingle(w.single, c)
	}
	return a.byName(w, c)
}

var (
	errNoUser   = errors.New("no user was named")
	errNoToken  = errors.New("no token was given")
	errToken    = errors.New("wrong token")
	errUnknown  = errors.New("no such user")
	errPassword = errors.New("wrong password")
	errMapped   = errors.New("has no password and needs a client certificate")
	errNotAKey  = errors.New("the nkey is not the public key of a user")
)

// byNkey returns the user with the key that c names. Who need not prove
// anything need not sign either.
func (a *Authenticator) byNkey(w *way, r *Request) (*user, error) {
	key := r.Connect.Nkey
	u := a.nkeys[key]
	switch {
	case u == nil && !nkeys.IsValidPublicUserKey(key):
		return nil, errNotAKey // it may be a seed: do not show it
	case u == nil:
		return nil, fmt.Errorf("nkey %q: %w", key, errUnknown)
	case u == w.noAuth:
		return w.free, nil
	}
	if err := verify(u.key, r.Nonce, r.Connect.Sig); err != nil {
		return nil, fmt.Errorf("nkey %q: %w", key, err)
	}
	return u, nil
}

// byName returns the user with the name and the password in c.
func (a *Authenticator) byName(w *way, c *wire.Connect) (*user, error) {
	u, known := a.users[c.User]
	if !known {
		if len(a.named) == 0 {
			return nil, fmt.Errorf("user %q: %w", c.User, errUnknown)
		}
		// The time it takes is not to tell which names there are.
		u = a.named[maphash.String(a.seed, c.User)%uint64(len(a.named))]
	}
	right := a.compare.equal(u.secret, c.Password)
	var err error
	switch {
	case !known:
		err = errUnknown
	case u.certified && u != w.noAuth:
		err = errMapped
	case !right:
		err = errPassword
	default:
		return u, nil
	}
	return nil, fmt.Errorf("user %q: %w", c.User, err)
}

// checkSingle compares c with the one user that there is.
func (a *Authenticator) checkSingle(u *user, c *wire.Connect) error {
	right := a.compare.equal(u.secret, c.Password)
	switch {
	case c.User != u.id.User:
		return fmt.Errorf("user %q: %w", c.User, errUnknown)
	case !right:
		return fmt.Errorf("user %q: %w", c.User, errPassword)
	}
	return nil
}

// checkToken compares c with the token that is asked for. It names no user: some
// clients send the token in that place.
func (a *Authenticator) checkToken(u *user, c *wire.Connect) error {
	switch {
	case a.compare.equal(u.secret, c.Token):
		return nil
	case c.Token == "":
		return errNoToken
	}
	return errToken
}
