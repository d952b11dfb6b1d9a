package operator

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"
	"go.uber.org/zap"

	"moonwire/server/auth"
	"moonwire/server/config"
)

// What an error of this package wraps where somebody has to tell it apart.
var (
	// ErrRevoked is of a user that its account revoked.
	ErrRevoked = errors.New("it is revoked")
	// ErrExpired is of a user whose JWT expired.
	ErrExpired = errors.New("its JWT expired")
	// ErrAccountExpired is of an account whose JWT expired.
	ErrAccountExpired = errors.New("the JWT of the account expired")
	// ErrNoAccount is of an account that the resolver does not know, or that was
	// deleted.
	ErrNoAccount = errors.New("there is no such account")
	// ErrClosed is of what comes after Close.
	ErrClosed = errors.New("the authenticator is closed")
)

// usersKept is how much memory users are kept in for when they come back, about,
// in bytes: some 20,000 of them.
const usersKept = 64 << 20

// Authenticator decides who connections are by their JWTs. It is made by [New].
type Authenticator struct {
	trust    *trust        // immutable
	kind     string        // of res; immutable
	res      resolver      // immutable
	dir      *dir          // res, if it is a directory; else nil; immutable
	timeout  time.Duration // of a look-up; immutable
	sentinel string        // immutable; secret
	log      *zap.Logger

	ctx  context.Context // done by Close
	stop context.CancelCauseFunc
	work sync.WaitGroup
	wake chan struct{} // holds one: somebody is to be told, or due is sooner

	mu     sync.Mutex
	closed bool // guarded by mu, as is all below
	// accounts are those that were asked for.
	accounts map[string]*entry
	// failed are look-ups that failed a moment ago.
	failed  map[string]failure
	flights map[string]*flight
	users   *recent
	// changed are accounts that the functions of OnUpdate are to hear of.
	changed map[string]bool
	waiting []chan struct{} // closed when all that has changed was told
	due     time.Time       // when an account or an activation expires next; zero for never
	hear    []func(key string)
	miss    func(ctx context.Context, key string) (string, error) // nil: nobody is asked
	inUse   func(key string) bool                                 // nil: nobody knows
}

// New opens operator mode for o: Operators (JWTs, or files with one) or
// TrustedKeys, Resolver, ResolverPreload, SystemAccount and DefaultSentinel. The
// log gets what goes on in the background. The error names the file or the key.
// Close ends the background work.
func New(o *config.Options, log *zap.Logger) (*Authenticator, error) {
	t, err := newTrust(o)
	if err != nil {
		return nil, err
	}
	if err := checkSentinel(o.DefaultSentinel); err != nil {
		return nil, err
	}
	if len(o.Accounts) > 0 || len(o.Users) > 0 {
		return nil, errors.New("accounts and users stand in the configuration beside operators; leave them out, since they come from JWTs")
	}
	r := resolverOf(o, t.server)
	a := &Authenticator{
		trust: t, sentinel: o.DefaultSentinel, kind: r.Type, timeout: r.Timeout, log: log,
		wake:     make(chan struct{}, 1),
		accounts: make(map[string]*entry),
		failed:   make(map[string]failure),
		flights:  make(map[string]*flight),
		users:    newRecent(usersKept),
		changed:  make(map[string]bool),
	}
	if a.res, a.dir, err = a.newResolver(r); err != nil {
		return nil, err
	}
	if err := a.preload(o.ResolverPreload); err != nil {
		return nil, err
	}
	a.ctx, a.stop = context.WithCancelCause(context.Background())
	a.work.Go(a.run)
	a.work.Go(func() { a.res.watch(a.ctx, a.refresh) })
	return a, nil
}

// checkSentinel reports what is wrong of the JWT of clients without one. Whether
// a scoped key signed it is known only with its account.
func checkSentinel(text string) error {
	if text == "" {
		return nil
	}
	c, err := jwt.DecodeUserClaims(text)
	if err != nil {
		return fmt.Errorf("default_sentinel is not the JWT of a user: %w", faultOf(err))
	}
	if !c.BearerToken && (c.IssuerAccount == "" || !c.HasEmptyPermissions()) {
		return errors.New("default_sentinel is not a bearer token; make one, or have a scoped signing key sign it")
	}
	return nil
}

// preload stores what is known from the start, but for what is older than what
// is stored. What is not valid is no error: accounts that expired come and go.
func (a *Authenticator) preload(list []config.AccountJWT) error {
	for _, p := range list {
		if !nkeys.IsValidPublicAccountKey(p.Account) {
			return fmt.Errorf("resolver_preload: %q is not the public key of an account, which begins with A", shorten(p.Account))
		}
		if _, err := jwt.DecodeAccountClaims(p.JWT); err != nil {
			return fmt.Errorf("resolver_preload: account %s: its JWT is of no use: %w", p.Account, faultOf(err))
		}
		if _, err := newAccount(p.Account, p.JWT, a.trust, time.Now()); err != nil {
			a.log.Warn("preloaded account is not usable", zap.Error(err))
		}
		if a.older(p.Account, p.JWT) {
			continue
		}
		if err := a.res.store(p.Account, p.JWT); err != nil {
			return fmt.Errorf("resolver_preload: account %s: %w", p.Account, err)
		}
	}
	return nil
}

// older reports whether a JWT of an account was issued before the stored one.
func (a *Authenticator) older(key, text string) bool {
	stored, err := a.res.fetch(context.Background(), key)
	if err != nil {
		return false
	}
	was, err := jwt.DecodeAccountClaims(stored)
	if err != nil {
		return false
	}
	is, err := jwt.DecodeAccountClaims(text)
	return err == nil && is.IssuedAt < was.IssuedAt
}

// Close ends the background work and waits for it. What is called afterwards
// fails.
func (a *Authenticator) Close() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.stop(ErrClosed)
	a.work.Wait()
}

// Required reports that a connection has to authenticate: always.
func (a *Authenticator) Required() bool { return true }

// NeedsNonce reports that INFO has to have a nonce: always.
func (a *Authenticator) NeedsNonce() bool { return true }

// Anonymous returns who a connection is that sends no CONNECT: nobody, nil.
func (a *Authenticator) Anonymous() *auth.Identity { return nil }

// SystemAccount returns the key of the account for the server's own messages, of
// the configuration or of the operator; "" if neither names one.
func (a *Authenticator) SystemAccount() string { return a.trust.system }

// Authenticate decides who a connection is by its JWT, or by the default
// sentinel if it has none. It may wait for the resolver, up to its timeout. The
// error says why it is refused, and wraps ErrRevoked, ErrExpired,
// ErrAccountExpired, ErrNoAccount or ErrClosed where one is the reason.
func (a *Authenticator) Authenticate(r *auth.Request) (*auth.Identity, error) {
	now := r.Time
	if now.IsZero() {
		now = time.Now()
	}
	u, err := a.user(r.Connect.JWT, now)
	if err != nil {
		return nil, err
	}
	return u.admit(r, now)
}

// user returns the user of a JWT, with its account as it is now.
func (a *Authenticator) user(text string, now time.Time) (*user, error) {
	h := sha256.Sum256([]byte(text))
	u, current := a.seen(h, now)
	if current {
		return u, nil
	}
	var claims *jwt.UserClaims
	if u != nil {
		claims = u.claims
	} else {
		var err error
		if claims, err = jwt.DecodeUserClaims(text); err != nil {
			return a.otherwise(text, err, now)
		}
	}
	acct, err := a.begin(accountOf(claims), now).wait(a.ctx)
	if err == nil {
		u, err = newUser(claims, acct)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		a.users.drop(h)
		return nil, err
	}
	a.users.put(h, u, len(text)+u.cost())
	return u, nil
}

// seen returns the user of a JWT that was let in before, nil for another, and
// whether it is as its account is now.
func (a *Authenticator) seen(h hash, now time.Time) (u *user, current bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	u = a.users.get(h)
	if u == nil || a.closed {
		return u, false
	}
	e := a.accounts[u.acct.key]
	if e == nil || e.acct != u.acct || e.acct.expired(now) {
		return u, false
	}
	e.used = now
	return u, true
}

// otherwise returns the user of the default sentinel, for a client whose JWT is
// none of a user.
func (a *Authenticator) otherwise(text string, err error, now time.Time) (*user, error) {
	switch {
	case a.sentinel != "" && text != a.sentinel:
		return a.user(a.sentinel, now)
	case text == "":
		return nil, errors.New("a user JWT is required")
	}
	return nil, fmt.Errorf("the JWT is not that of a user: %w", faultOf(err))
}

// Usable returns why an account that was asked for cannot be used now, or nil. The
// error wraps ErrNoAccount or ErrAccountExpired. It does not ask the resolver.
func (a *Authenticator) Usable(key string) error {
	switch acct := a.known(key); {
	case acct == nil:
		return fmt.Errorf("account %s: %w", key, ErrNoAccount)
	case acct.expired(time.Now()):
		return fmt.Errorf("account %s: %w", key, ErrAccountExpired)
	}
	return nil
}

// Recheck decides again about a connection that Authenticate let in, after an
// update of its account. It returns id itself if its account is the one it was
// let in with; else who it is now, which may differ in permissions and limits.
// The error says why it has to go, and wraps ErrRevoked, ErrExpired,
// ErrAccountExpired or ErrNoAccount where one is the reason. It does not ask the
// resolver. Address and time of day are not checked again.
func (a *Authenticator) Recheck(id *auth.Identity) (*auth.Identity, error) {
	u, ok := id.Proof.(*user)
	if !ok {
		return nil, errors.New("the connection was not let in by its JWT")
	}
	now := time.Now()
	acct := a.known(u.acct.key)
	switch {
	case acct == nil:
		return nil, fmt.Errorf("account %s: %w any more", u.acct.key, ErrNoAccount)
	case acct.expired(now):
		return nil, fmt.Errorf("account %s: %w", u.acct.key, ErrAccountExpired)
	case acct == u.acct:
		return id, u.valid(now)
	}
	v, err := u.again(acct, now)
	if err != nil {
		return nil, err
	}
	next := v.who
	next.Expires = id.Expires
	return &next, nil
}
