package operator

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"moonwire/server/auth"
	"moonwire/server/permission"
)

// user is what a user JWT says, beside the account that it was read with. It is
// immutable.
type user struct {
	claims *jwt.UserClaims // as they were signed
	acct   *account
	scope  *jwt.UserScope // of the key that signed; nil for none
	// may is what the user may: of the scope, else of the claims.
	may jwt.UserPermissionLimits
	// key verifies the nonce; nil for a bearer token.
	key     nkeys.KeyPair
	sources []*net.IPNet
	windows []window
	zone    *time.Location
	who     auth.Identity // but for Expires
}

// accountOf is the key of the account that a user says to be of.
func accountOf(c *jwt.UserClaims) string {
	if c.IssuerAccount != "" {
		return c.IssuerAccount
	}
	return c.Issuer
}

// newUser reads claims, whose own signature was verified, with the account of
// which they say to be. The error wraps ErrRevoked for a user that the account
// revoked.
func newUser(c *jwt.UserClaims, acct *account) (*user, error) {
	u := &user{claims: c, acct: acct, may: c.UserPermissionLimits}
	for _, step := range []func() error{u.check, u.fill, u.compile} {
		if err := step(); err != nil {
			return nil, fmt.Errorf("user %s of account %s: %w", shown(c.Subject), acct.key, err)
		}
	}
	return u, nil
}

// shown returns the key of a user for a log: only what is one.
func shown(key string) string {
	if nkeys.IsValidPublicUserKey(key) {
		return key
	}
	return "without a valid key"
}

// check finds what is wrong of the claims themselves.
func (u *user) check() error {
	scope, ok := u.acct.signer(u.claims.Issuer)
	if !ok {
		return fmt.Errorf("its JWT is signed by %s, which may not sign users of the account", u.claims.Issuer)
	}
	if u.scope = scope; scope != nil {
		if err := scope.ValidateScopedSigner(u.claims); err != nil {
			return fmt.Errorf("its JWT is signed by %s, which has a scope, and has permissions or limits itself", u.claims.Issuer)
		}
	}
	if revoked(u.acct.claims.Revocations, u.claims.Subject, u.claims.IssuedAt) {
		return ErrRevoked
	}
	return validity(u.claims)
}

// invalid is what is wrong of claims, but for their times.
type invalid []string

func (v invalid) Error() string { return "its JWT is not valid: " + strings.Join(v, "; ") }

// validity returns what is wrong of claims, an [invalid], or nil.
func validity(c jwt.Claims) error {
	vr := jwt.CreateValidationResults()
	c.Validate(vr)
	var v invalid
	for _, e := range vr.Errors() {
		v = append(v, e.Error())
	}
	if len(v) == 0 {
		return nil
	}
	return v
}

// fill sets what the user may, and finds out whether the account lets it.
func (u *user) fill() error {
	if u.scope != nil {
		u.may = u.scope.Template
		t := template{user: u.claims, acct: u.acct.claims}
		var err error
		if u.may.Permissions, err = t.permissions(u.may.Permissions); err != nil {
			return fmt.Errorf("scope of %s: %w", u.claims.Issuer, err)
		}
	}
	outside := u.acct.claims.Authorization
	switch {
	case u.may.ProxyRequired:
		return errors.New("it has to come through a proxy, which is not supported")
	case u.may.BearerToken && u.acct.claims.Limits.DisallowBearer:
		return errors.New("its JWT is a bearer token, which the account does not allow")
	case lower(u.may.Subs, u.acct.claims.Limits.Subs) == 0:
		return errors.New("it or its account is limited to 0 subscriptions, which nobody can work with; set a number, or -1 for no limit")
	case outside.IsEnabled() && !slices.Contains(outside.AuthUsers, u.claims.Subject):
		return errors.New("its account leaves the decision to an outside service, which is not supported")
	}
	return nil
}

// compile makes ready what each connection is checked with.
func (u *user) compile() error {
	var err error
	if !u.may.BearerToken {
		if u.key, err = nkeys.FromPublicKey(u.claims.Subject); err != nil {
			return errors.New("its subject is not a public key")
		}
	}
	for _, s := range u.may.Src {
		_, n, err := net.ParseCIDR(s)
		if err != nil {
			return fmt.Errorf("source %q is not a network like 10.0.0.0/8", s)
		}
		u.sources = append(u.sources, n)
	}
	u.zone = time.Local
	if u.may.Locale != "" {
		if u.zone, err = time.LoadLocation(u.may.Locale); err != nil {
			return fmt.Errorf("time zone %q is not known", u.may.Locale)
		}
	}
	for _, t := range u.may.Times {
		w, err := newWindow(t)
		if err != nil {
			return err
		}
		u.windows = append(u.windows, w)
	}
	set := u.acct.defaults
	if p := permissionsOf(u.may.Permissions); p != nil {
		if set, err = permission.Compile(p); err != nil {
			return fmt.Errorf("its permissions: %w", err)
		}
	}
	most := u.acct.claims.Limits
	u.who = auth.Identity{
		User:        u.claims.Subject,
		Name:        u.claims.Name,
		Account:     u.acct.key,
		Issuer:      u.claims.Issuer,
		Issued:      time.Unix(u.claims.IssuedAt, 0),
		Permissions: set,
		Tags:        u.claims.Tags,
		Bearer:      u.may.BearerToken,
		Limits: auth.Limits{
			MaxSubscriptions: lower(u.may.Subs, most.Subs),
			MaxPayload:       lower(u.may.Payload, most.Payload),
		},
		Proof: u,
	}
	return nil
}

// What a user that is kept costs, in bytes: itself, and each subject of its
// permissions beside its text. A template makes thousands of them.
const (
	userCost    = 2 << 10
	subjectCost = 256
)

// cost is about what keeping the user takes, without the text of its JWT.
func (u *user) cost() int {
	n := userCost
	for _, list := range []jwt.StringList{u.may.Pub.Allow, u.may.Pub.Deny, u.may.Sub.Allow, u.may.Sub.Deny} {
		for _, s := range list {
			n += subjectCost + len(s)
		}
	}
	return n
}

// lower returns the tighter of two limits, of which negative ones are none.
func lower(a, b int64) int {
	switch {
	case a < 0 && b < 0:
		return auth.Unlimited.MaxPayload
	case a < 0:
		return int(b)
	case b < 0:
		return int(a)
	}
	return int(min(a, b))
}

// valid reports whether the JWT is valid at a time, nil or why not.
func (u *user) valid(now time.Time) error {
	switch c := u.claims; {
	case c.Expires > 0 && now.Unix() > c.Expires:
		return fmt.Errorf("user %s of account %s: %w at %s", shown(c.Subject), u.acct.key, ErrExpired, stamp(c.Expires))
	case c.NotBefore > now.Unix():
		return fmt.Errorf("user %s of account %s: its JWT is not valid before %s", shown(c.Subject), u.acct.key, stamp(c.NotBefore))
	}
	return nil
}

// admit decides about a connection of the user.
func (u *user) admit(r *auth.Request, now time.Time) (*auth.Identity, error) {
	err := u.valid(now)
	if err != nil {
		return nil, err
	}
	until, inside := u.until(now)
	switch {
	case !u.allows(r.Type):
		err = fmt.Errorf("it may not connect as %s", r.Type)
	case u.full(r.Type):
		err = fmt.Errorf("its account allows no connection as %s", r.Type)
	case !u.from(r.Addr):
		err = fmt.Errorf("it may not connect from %s", r.Addr)
	case !inside:
		err = errors.New("it may not connect at this time of the day")
	default:
		err = u.signed(r)
	}
	if err != nil {
		return nil, fmt.Errorf("user %s of account %s: %w", shown(u.claims.Subject), u.acct.key, err)
	}
	id := u.who
	id.Expires = until
	if end := time.Unix(u.claims.Expires, 0); u.claims.Expires > 0 && (until.IsZero() || end.Before(until)) {
		id.Expires = end
	}
	return &id, nil
}

// kinds are the ways to connect that are known.
var kinds = []string{
	jwt.ConnectionTypeStandard, jwt.ConnectionTypeWebsocket, jwt.ConnectionTypeInProcess,
	jwt.ConnectionTypeLeafnode, jwt.ConnectionTypeLeafnodeWS,
	jwt.ConnectionTypeMqtt, jwt.ConnectionTypeMqttWS,
}

// allows reports whether the user may connect in a way. Of a list only the ways
// that are known count, but a list of unknown ones allows nothing.
func (u *user) allows(kind string) bool {
	list := u.may.AllowedConnectionTypes
	return len(list) == 0 || slices.Contains(kinds, kind) &&
		slices.ContainsFunc(list, func(t string) bool { return strings.ToUpper(t) == kind })
}

// full reports whether the account has room for no connection at all, which its
// settings cannot say.
func (u *user) full(kind string) bool {
	l := u.acct.claims.Limits
	if strings.HasPrefix(kind, jwt.ConnectionTypeLeafnode) {
		return l.LeafNodeConn == 0
	}
	return l.Conn == 0
}

// from reports whether the user may connect from an address. Who has none is in
// the process, and in no network.
func (u *user) from(addr netip.Addr) bool {
	ip := net.IP(addr.Unmap().AsSlice())
	return len(u.sources) == 0 || addr.IsValid() &&
		slices.ContainsFunc(u.sources, func(n *net.IPNet) bool { return n.Contains(ip) })
}

// signed reports whether the connection proved to have the user's key: nil, or
// why not. A bearer token needs no proof.
func (u *user) signed(r *auth.Request) error {
	switch {
	case u.may.BearerToken:
		return nil
	case len(r.Nonce) == 0:
		return errors.New("there was no nonce for it to sign")
	case r.Connect.Sig == "":
		return errors.New("it did not sign the nonce")
	}
	sig, err := base64.RawURLEncoding.DecodeString(r.Connect.Sig)
	if err != nil {
		sig, err = base64.StdEncoding.DecodeString(r.Connect.Sig)
	}
	if err != nil {
		return errors.New("its signature of the nonce is not base64")
	}
	if u.key.Verify(r.Nonce, sig) != nil {
		return errors.New("its signature of the nonce does not verify")
	}
	return nil
}

// again returns who a connected user is by an account that changed. The error
// says why it has to go.
func (u *user) again(acct *account, now time.Time) (*user, error) {
	if err := u.valid(now); err != nil {
		return nil, err
	}
	v, err := newUser(u.claims, acct)
	if err != nil {
		return nil, err
	}
	switch {
	case !reflect.DeepEqual(u.scope, v.scope):
		return nil, fmt.Errorf("user %s of account %s: the scope of %s has changed", shown(u.claims.Subject), acct.key, u.claims.Issuer)
	case v.full(auth.Standard): // nobody stays connected as a leaf
		return nil, fmt.Errorf("user %s of account %s: its account allows no connection any more", shown(u.claims.Subject), acct.key)
	}
	return v, nil
}
