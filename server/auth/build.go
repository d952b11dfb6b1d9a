package auth

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/nats-io/nkeys"

	"moonwire/server/config"
	"moonwire/server/permission"
)

// The accounts that exist without being configured.
const (
	globalAccount = "$G"
	systemAccount = "$SYS"
)

// New returns an authenticator for what o asks for: a token, a single user, or
// users, those of the accounts included. Permissions are those of the user, or
// else the default ones of the list it stands in: that of its account, or the
// authorization block. A token and a single user have none and may do everything.
//
// The error joins all problems: permissions that do not compile; users that are
// there twice or have neither name nor nkey; accounts, ways to connect and
// no_auth_users that do not exist; users beside a token or a single user;
// operators, whose JWTs are not known here.
func New(o *config.Options) (*Authenticator, error) {
	b := builder{
		Authenticator: &Authenticator{
			users: make(map[string]*user), nkeys: make(map[string]*user),
			compare: newComparer(), seed: maphash.MakeSeed(),
		},
		o: o, accounts: make(map[string]*account),
	}
	if len(o.Operators) > 0 || len(o.TrustedKeys) > 0 {
		b.bad("operators have clients authenticate with JWTs, which users of a configuration do not have; ask package operator")
	}
	b.addAccounts()
	b.addUsers()
	b.plain = b.identity("", b.accounts[globalAccount], nil)
	b.addWays()
	b.nonce = len(b.nkeys) > 0 || o.AlwaysEnableNonce
	if len(b.errs) > 0 {
		return nil, errors.Join(b.errs...)
	}
	return b.Authenticator, nil
}

// builder makes an authenticator and collects what is wrong.
type builder struct {
	*Authenticator
	o        *config.Options
	accounts map[string]*account
	errs     []error
}

// account is what the users of an account have in common.
type account struct {
	name        string
	limits      Limits
	permissions *permission.Set // of users without their own
}

func (b *builder) bad(format string, args ...any) {
	b.errs = append(b.errs, fmt.Errorf(format, args...))
}

// compile compiles the permissions of who.
func (b *builder) compile(who string, p *config.Permissions) *permission.Set {
	set, err := permission.Compile(p)
	if err != nil {
		b.bad("permissions of %s: %w", who, err)
	}
	return set
}

func (b *builder) systemAccount() string {
	if b.o.SystemAccount == "" {
		return systemAccount
	}
	return b.o.SystemAccount
}

func (b *builder) addAccounts() {
	for _, name := range []string{globalAccount, b.systemAccount()} {
		b.accounts[name] = &account{name, Unlimited, nil}
	}
	for i := range b.o.Accounts {
		c := &b.o.Accounts[i]
		a := &account{c.Name, Unlimited, nil}
		if c.DefaultPermissions != nil {
			a.permissions = b.compile(fmt.Sprintf("users of account %q by default", c.Name), c.DefaultPermissions)
		}
		if n := c.Limits.MaxSubscriptions; n > 0 {
			a.limits.MaxSubscriptions = n
		}
		if n := c.Limits.MaxPayload; n > 0 {
			a.limits.MaxPayload = n
		}
		b.accounts[c.Name] = a
	}
}

func (b *builder) addUsers() {
	everybody := b.compile("users by default", b.o.DefaultPermissions)
	for i := range b.o.Users {
		b.addUser(&b.o.Users[i], globalAccount, everybody, i)
	}
	for i := range b.o.Accounts {
		a := &b.o.Accounts[i]
		for j := range a.Users {
			b.addUser(&a.Users[j], a.Name, b.accounts[a.Name].permissions, j)
		}
	}
	if !b.hasUsers() {
		return
	}
	for _, one := range []struct{ key, value string }{
		{"authorization.user", b.o.Username},
		{"authorization.token", b.o.Token},
		{"websocket.authorization.user", b.o.WebSocket.Username},
		{"websocket.authorization.token", b.o.WebSocket.Token},
	} {
		if one.value != "" {
			b.bad("%q is set beside users; must be one of both: make it one of the users", one.key)
		}
	}
}

func (b *builder) hasUsers() bool { return len(b.users)+len(b.nkeys) > 0 }

// addUser adds u, who stands in the list of an account in that place, counted
// from 0, and may do what p says if it has no permissions of its own.
func (b *builder) addUser(u *config.User, list string, p *permission.Set, place int) {
	who, err := describe(u, list, place)
	if err != nil {
		b.errs = append(b.errs, err)
		return
	}
	if b.users[u.Username] != nil || b.nkeys[u.Nkey] != nil {
		b.bad("%s is configured twice; must be there once in all accounts together", who)
		return
	}
	name := u.Account
	if name == "" {
		name = list
	}
	a := b.accounts[name]
	if a == nil {
		b.bad("%s is of account %q, which is not configured; must be one of accounts", who, name)
		return
	}
	made := &user{types: b.types(who, u.ConnectionTypes)}
	made.id = b.identity(u.Username+u.Nkey, a, p)
	made.id.Proof = made
	if u.Permissions != nil {
		made.id.Permissions = b.compile(who, u.Permissions)
	}
	if u.Nkey != "" {
		made.key, _ = nkeys.FromPublicKey(u.Nkey) // describe looked at its validity
		b.nkeys[u.Nkey] = made
		return
	}
	made.secret = b.secret(u.Password)
	made.certified = u.Password == "" && b.certifies(made)
	b.users[u.Username] = made
	b.named = append(b.named, made)
}

// describe says how u is called in problems, or what is wrong with its name. It
// shows no nkey that is none: it may be a seed.
func describe(u *config.User, list string, place int) (string, error) {
	switch {
	case u.Username != "" && u.Nkey != "":
		return "", fmt.Errorf("user %q has an nkey too; must have either a name or an nkey", u.Username)
	case u.Username != "":
		return fmt.Sprintf("user %q", u.Username), nil
	case u.Nkey == "":
		return "", fmt.Errorf("user %d of account %q has neither name nor nkey; must have one of both", place+1, list)
	case !nkeys.IsValidPublicUserKey(u.Nkey):
		return "", fmt.Errorf("user %d of account %q has an nkey that is not the public key of a user; must be one, which begins with U", place+1, list)
	case u.Password != "":
		return "", fmt.Errorf("nkey %q has a password too; must have none, since it signs the nonce", u.Nkey)
	}
	return fmt.Sprintf("nkey %q", u.Nkey), nil
}

// identity makes the identity of a user of account a.
func (b *builder) identity(name string, a *account, p *permission.Set) *Identity {
	return &Identity{User: name, Account: a.name, Permissions: p, Limits: a.limits}
}

// types returns the ways in which who may connect.
func (b *builder) types(who string, names []string) []string {
	var types []string
	for _, n := range names {
		t := strings.ToUpper(n)
		switch t {
		case Standard, WebSocket, InProcess, Leafnode, LeafnodeWS, MQTT, MQTTWS:
			types = append(types, t)
		default:
			b.bad("%s may connect as %q, which is no way to connect; must be one of %s", who, n,
				strings.Join([]string{Standard, WebSocket, Leafnode, LeafnodeWS, MQTT, MQTTWS, InProcess}, ", "))
		}
	}
	return types
}

// certifies reports whether a certificate may stand for u on some listener.
func (b *builder) certifies(u *user) bool {
	ws := &b.o.WebSocket
	return maps(b.o.TLS) && u.mayUse(Standard) ||
		maps(ws.TLS) && ws.Port != 0 && u.mayUse(WebSocket)
}

func maps(t *config.TLS) bool { return t != nil && t.VerifyAndMap }

// addWays adds what each way to connect asks for. WebSocket asks for its own,
// if it has any of user, token and no_auth_user, or else for what the client
// listener asks for; its certificates are its own affair.
func (b *builder) addWays() {
	o, ws := b.o, &b.o.WebSocket
	b.standard = b.asking(o.Username, o.Password, o.Token, "no_auth_user", o.NoAuthUser)
	if o.NoAuthUser == "" && b.onlySystem() {
		b.standard.required, b.standard.implied = true, true
		b.standard.noAuth = &user{id: b.plain}
		b.standard.free = b.standard.noAuth
	}
	b.other, b.websocket = b.standard, b.standard
	if ws.Username != "" || ws.Token != "" || ws.NoAuthUser != "" {
		b.websocket = b.asking(ws.Username, ws.Password, ws.Token, "websocket.no_auth_user", ws.NoAuthUser)
	}
	b.standard.mapped = maps(o.TLS) && (len(b.users) > 0 || b.standard.implied)
	b.websocket.mapped = maps(ws.TLS) && (len(b.users) > 0 || b.websocket.implied)
	if b.standard.mapped || b.websocket.mapped {
		b.names = newDirectory(b.named)
	}
}

// asking returns a way to connect that asks for one of: users, a token, a name
// with a password. The key names the user noAuth in the configuration.
func (b *builder) asking(name, password, token, key, noAuth string) way {
	w := way{required: b.hasUsers() || name != "" || token != ""}
	global := b.accounts[globalAccount]
	switch {
	case token != "":
		w.token = b.one("", token, global)
	case name != "":
		w.single = b.one(name, password, global)
	}
	if noAuth != "" {
		if w.noAuth = cmp.Or(b.users[noAuth], b.nkeys[noAuth]); w.noAuth == nil {
			b.bad("%q is %q, which is no user; must be one of users or the nkey of one", key, noAuth)
			return w
		}
		w.free = w.noAuth.asFree()
	}
	return w
}

// asFree returns u as whom it is that has shown no credentials.
func (u *user) asFree() *user {
	f, id := *u, *u.id
	f.id, f.free = &id, true
	id.Proof = &f
	return &f
}

// one returns the one user that there is.
func (b *builder) one(name, secret string, a *account) *user {
	u := &user{id: b.identity(name, a, nil), secret: b.secret(secret)}
	u.id.Proof = u
	return u
}

// secret makes a secret of what the configuration has.
func (b *builder) secret(text string) *secret {
	s := newSecret(text)
	b.hashes = b.hashes || s.hash != nil
	return s
}

// onlySystem reports whether nothing is said of who may connect but in the
// system account: that sets its users apart, and everybody else uses $G without
// credentials. An authorization block says something, even if it is empty.
func (b *builder) onlySystem() bool {
	o := b.o
	return len(o.Accounts) > 0 && !o.AuthorizationBlock && len(o.Users) == 0 && o.DefaultPermissions == nil &&
		o.Username == "" && o.Token == "" &&
		!slices.ContainsFunc(o.Accounts, func(a config.Account) bool { return a.Name != b.systemAccount() })
}
