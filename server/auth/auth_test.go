package auth_test

import (
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nkeys"
	"golang.org/x/crypto/bcrypt"

	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/permission"
	"moonwire/server/wire"
)

// must returns an authenticator for o.
func must(t testing.TB, o config.Options) *auth.Authenticator {
	t.Helper()
	a, err := auth.New(&o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// hash returns the cheapest bcrypt hash of a secret.
func hash(t testing.TB, secret string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(secret), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

// signer is a user with an nkey.
type signer struct {
	public string
	key    nkeys.KeyPair
}

func newSigner(t testing.TB) signer {
	t.Helper()
	key, err := nkeys.CreateUser()
	if err != nil {
		t.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	return signer{public, key}
}

func (s signer) sign(t testing.TB, nonce string) []byte {
	t.Helper()
	sig, err := s.key.Sign([]byte(nonce))
	if err != nil {
		t.Fatal(err)
	}
	return sig
}

func (s signer) seed(t testing.TB) string {
	t.Helper()
	seed, err := s.key.Seed()
	if err != nil {
		t.Fatal(err)
	}
	return string(seed)
}

// user is a user with a password.
func user(name, password string, types ...string) config.User {
	return config.User{Username: name, Password: password, ConnectionTypes: types}
}

// TestAuthenticate: every kind of credentials, right, wrong, left out and mixed.
func TestAuthenticate(t *testing.T) {
	t.Parallel()
	const nonce = "thisisthenonce"
	k, other := newSigner(t), newSigner(t)
	raw := base64.RawURLEncoding.EncodeToString(k.sign(t, nonce))
	std := base64.StdEncoding.EncodeToString(k.sign(t, nonce))

	nothing := config.Options{}
	single := config.Options{Username: "u", Password: "p"}
	hashed := config.Options{Username: "u", Password: hash(t, "p")}
	unprotected := config.Options{Username: "u"}
	token := config.Options{Token: "t"}
	hashedToken := config.Options{Token: hash(t, "t")}
	users := config.Options{
		Users: []config.User{user("u", "p"), user("h", hash(t, "q")), user("e", ""), {Nkey: k.public}},
		Accounts: []config.Account{
			{Name: "A", Users: []config.User{user("a", "p"), user("s", "p", "standard", "in_process"), user("w", "p", "WebSocket")}},
			{Name: "$SYS", Users: []config.User{user("sys", "p")}},
		},
	}
	nobody := users
	nobody.NoAuthUser = "a"
	nobodyHashed := users
	nobodyHashed.NoAuthUser = "h"
	nobodyKey := users
	nobodyKey.NoAuthUser = k.public
	nobodyWS := users
	nobodyWS.NoAuthUser = "w"
	onlyKeys := config.Options{Users: []config.User{{Nkey: k.public}}}
	ws := single
	ws.WebSocket = config.WebSocket{Token: "t"}
	wsUser := token
	wsUser.WebSocket = config.WebSocket{Username: "w", Password: "p"}
	wsOnly := config.Options{WebSocket: config.WebSocket{Username: "w", Password: "p"}}
	wsNobody := users
	wsNobody.NoAuthUser = "a"
	wsNobody.WebSocket = config.WebSocket{NoAuthUser: "w"}
	system := config.Options{Accounts: users.Accounts[1:]}
	renamed := config.Options{SystemAccount: "S", Accounts: []config.Account{{Name: "S", Users: []config.User{user("sys", "p")}}}}

	const no = "-" // account of who is refused
	for _, tt := range []struct {
		name    string
		o       config.Options
		kind    string
		c       wire.Connect
		account string
		user    string // or what the error holds
	}{
		{"nothing: nothing", nothing, "", wire.Connect{}, "$G", ""},
		{"nothing: a user", nothing, "", wire.Connect{User: "u", Password: "p"}, "$G", ""},
		{"nothing: a token", nothing, auth.WebSocket, wire.Connect{Token: "t"}, "$G", ""},

		{"single: right", single, "", wire.Connect{User: "u", Password: "p"}, "$G", "u"},
		{"single: right, and a token", single, "", wire.Connect{User: "u", Password: "p", Token: "x"}, "$G", "u"},
		{"single: right, and an nkey", single, "", wire.Connect{User: "u", Password: "p", Nkey: k.public}, "$G", "u"},
		{"single: wrong password", single, "", wire.Connect{User: "u", Password: "x"}, no, `user "u": wrong password`},
		{"single: wrong user", single, "", wire.Connect{User: "x", Password: "p"}, no, `user "x": no such user`},
		{"single: no password", single, "", wire.Connect{User: "u"}, no, `user "u": wrong password`},
		{"single: no user", single, "", wire.Connect{Password: "p"}, no, "no user was named"},
		{"single: nothing", single, "", wire.Connect{}, no, "no user was named"},
		{"single: a token", single, "", wire.Connect{Token: "p"}, no, "no user was named"},
		{"single hashed: right", hashed, "", wire.Connect{User: "u", Password: "p"}, "$G", "u"},
		{"single hashed: wrong", hashed, "", wire.Connect{User: "u", Password: "x"}, no, "wrong password"},
		{"single without a password: right", unprotected, "", wire.Connect{User: "u"}, "$G", "u"},
		{"single without a password: one given", unprotected, "", wire.Connect{User: "u", Password: "p"}, no, "wrong password"},
		{"single without a password: nothing", unprotected, "", wire.Connect{}, no, "no user was named"},
		{"single over WebSocket", single, auth.WebSocket, wire.Connect{User: "u", Password: "p"}, "$G", "u"},

		{"token: right", token, "", wire.Connect{Token: "t"}, "$G", ""},
		{"token: right, and a user", token, "", wire.Connect{Token: "t", User: "x", Password: "x"}, "$G", ""},
		{"token: wrong", token, "", wire.Connect{Token: "x"}, no, "wrong token"},
		{"token: none", token, "", wire.Connect{}, no, "no token was given"},
		{"token: a user", token, "", wire.Connect{User: "t", Password: "t"}, no, "no token was given"},
		{"token hashed: right", hashedToken, "", wire.Connect{Token: "t"}, "$G", ""},
		{"token hashed: wrong", hashedToken, "", wire.Connect{Token: "x"}, no, "wrong token"},

		{"users: right", users, "", wire.Connect{User: "u", Password: "p"}, "$G", "u"},
		{"users: of an account", users, "", wire.Connect{User: "a", Password: "p"}, "A", "a"},
		{"users: of the system account", users, "", wire.Connect{User: "sys", Password: "p"}, "$SYS", "sys"},
		{"users: hashed", users, "", wire.Connect{User: "h", Password: "q"}, "$G", "h"},
		{"users: hashed, wrong", users, "", wire.Connect{User: "h", Password: "p"}, no, `user "h": wrong password`},
		{"users: wrong password", users, "", wire.Connect{User: "u", Password: "q"}, no, `user "u": wrong password`},
		{"users: unknown", users, "", wire.Connect{User: "x", Password: "p"}, no, `user "x": no such user`},
		{"users: without a password", users, "", wire.Connect{User: "e"}, "$G", "e"},
		{"users: without a password, one given", users, "", wire.Connect{User: "e", Password: "p"}, no, `user "e": wrong password`},
		{"users: nothing", users, "", wire.Connect{}, no, "no user was named"},
		{"users: a token", users, "", wire.Connect{Token: "p"}, no, "no user was named"},
		{"users: a JWT", users, "", wire.Connect{JWT: "p"}, no, "no user was named"},
		{"users: an nkey as a name", users, "", wire.Connect{User: k.public}, no, "no such user"},

		{"types: allowed", users, "", wire.Connect{User: "s", Password: "p"}, "A", "s"},
		{"types: in the process", users, auth.InProcess, wire.Connect{User: "s", Password: "p"}, "A", "s"},
		{"types: refused", users, auth.WebSocket, wire.Connect{User: "s", Password: "p"}, no, `user "s" may not connect as WEBSOCKET, only as STANDARD, IN_PROCESS`},
		{"types: over WebSocket", users, auth.WebSocket, wire.Connect{User: "w", Password: "p"}, "A", "w"},
		{"types: not over WebSocket", users, auth.Standard, wire.Connect{User: "w", Password: "p"}, no, "may not connect as STANDARD"},
		{"types: wrong password first", users, auth.Standard, wire.Connect{User: "w", Password: "x"}, no, `user "w": wrong password`},
		{"types: leaf node", users, auth.Leafnode, wire.Connect{User: "w", Password: "p"}, no, "may not connect as LEAFNODE"},

		{"nkey: base64url", users, "", wire.Connect{Nkey: k.public, Sig: raw}, "$G", k.public},
		{"nkey: base64", users, "", wire.Connect{Nkey: k.public, Sig: std}, "$G", k.public},
		{"nkey: only nkeys", onlyKeys, "", wire.Connect{Nkey: k.public, Sig: raw}, "$G", k.public},
		{"nkey: and a wrong password", users, "", wire.Connect{Nkey: k.public, Sig: raw, User: "u", Password: "x"}, "$G", k.public},
		{"nkey: no signature", users, "", wire.Connect{Nkey: k.public}, no, "no signature"},
		{"nkey: no base64", users, "", wire.Connect{Nkey: k.public, Sig: "?"}, no, "not base64"},
		{"nkey: a part of a signature", users, "", wire.Connect{Nkey: k.public, Sig: raw[:20]}, no, "does not fit"},
		{"nkey: of another nonce", users, "", wire.Connect{Nkey: k.public, Sig: base64.StdEncoding.EncodeToString(k.sign(t, "x"))}, no, "does not fit"},
		{"nkey: of another key", users, "", wire.Connect{Nkey: k.public, Sig: base64.StdEncoding.EncodeToString(other.sign(t, nonce))}, no, "does not fit"},
		{"nkey: unknown", users, "", wire.Connect{Nkey: other.public, Sig: raw}, no, other.public + `": no such user`},
		{"nkey: unknown, and a right password", users, "", wire.Connect{Nkey: other.public, User: "u", Password: "p"}, no, "no such user"},
		{"nkey: none", users, "", wire.Connect{Nkey: "x", Sig: raw}, no, "not the public key of a user"},
		{"nkey: where no user has one", nobodyWithoutKeys(nobody), "", wire.Connect{Nkey: k.public, Sig: raw}, "A", "a"},
		{"nkey: only nkeys, a name", onlyKeys, "", wire.Connect{User: "u", Password: "p"}, no, `user "u": no such user`},
		{"nkey: only nkeys, nothing", onlyKeys, "", wire.Connect{}, no, "no user was named"},

		{"no_auth_user: nothing", nobody, "", wire.Connect{}, "A", "a"},
		{"no_auth_user: over WebSocket too", nobody, auth.WebSocket, wire.Connect{}, "A", "a"},
		{"no_auth_user: a JWT, which counts for nothing here", nobody, "", wire.Connect{JWT: "x"}, "A", "a"},
		{"no_auth_user: a signature of nobody", nobody, "", wire.Connect{Sig: "x"}, "A", "a"},
		{"no_auth_user: another user", nobody, "", wire.Connect{User: "u", Password: "p"}, "$G", "u"},
		{"no_auth_user: by name with the password", nobody, "", wire.Connect{User: "a", Password: "p"}, "A", "a"},
		{"no_auth_user: by name without it", nobody, "", wire.Connect{User: "a"}, no, "wrong password"},
		{"no_auth_user: a wrong user", nobody, "", wire.Connect{User: "x"}, no, "no such user"},
		{"no_auth_user: only a password", nobody, "", wire.Connect{Password: "p"}, no, "no user was named"},
		{"no_auth_user: a token", nobody, "", wire.Connect{Token: "p"}, no, "no user was named"},
		{"no_auth_user: a wrong nkey", nobody, "", wire.Connect{Nkey: other.public}, no, "no such user"},
		{"no_auth_user: hashed", nobodyHashed, "", wire.Connect{}, "$G", "h"},
		{"no_auth_user: with an nkey", nobodyKey, "", wire.Connect{}, "$G", k.public},
		{"no_auth_user: with an nkey, by it", nobodyKey, "", wire.Connect{Nkey: k.public}, "$G", k.public},
		{"no_auth_user: refused by its type", nobodyWS, "", wire.Connect{}, no, `user "w" may not connect as STANDARD`},
		{"no_auth_user: allowed by its type", nobodyWS, auth.WebSocket, wire.Connect{}, "A", "w"},

		{"WebSocket token: over WebSocket", ws, auth.WebSocket, wire.Connect{Token: "t"}, "$G", ""},
		{"WebSocket token: not the others' user", ws, auth.WebSocket, wire.Connect{User: "u", Password: "p"}, no, "no token was given"},
		{"WebSocket token: not elsewhere", ws, auth.Standard, wire.Connect{Token: "t"}, no, "no user was named"},
		{"WebSocket token: elsewhere the user", ws, auth.InProcess, wire.Connect{User: "u", Password: "p"}, "$G", "u"},
		{"WebSocket user: over WebSocket", wsUser, auth.WebSocket, wire.Connect{User: "w", Password: "p"}, "$G", "w"},
		{"WebSocket user: not the others' token", wsUser, auth.WebSocket, wire.Connect{Token: "t"}, no, "no user was named"},
		{"WebSocket user: elsewhere the token", wsUser, "", wire.Connect{Token: "t"}, "$G", ""},
		{"only WebSocket asks: over WebSocket", wsOnly, auth.WebSocket, wire.Connect{}, no, "no user was named"},
		{"only WebSocket asks: elsewhere", wsOnly, auth.Standard, wire.Connect{}, "$G", ""},
		{"WebSocket no_auth_user: over WebSocket", wsNobody, auth.WebSocket, wire.Connect{}, "A", "w"},
		{"WebSocket no_auth_user: elsewhere", wsNobody, auth.Standard, wire.Connect{}, "A", "a"},
		{"WebSocket no_auth_user: users all the same", wsNobody, auth.WebSocket, wire.Connect{User: "u", Password: "p"}, "$G", "u"},

		{"only the system account has users: nothing", system, "", wire.Connect{}, "$G", ""},
		{"only the system account has users: its user", system, "", wire.Connect{User: "sys", Password: "p"}, "$SYS", "sys"},
		{"only the system account has users: another", system, "", wire.Connect{User: "x", Password: "p"}, no, "no such user"},
		{"only the system account has users: a token", system, "", wire.Connect{Token: "x"}, no, "no user was named"},
		{"the system account has another name", renamed, "", wire.Connect{}, "$G", ""},
		{"the system account has another name: its user", renamed, "", wire.Connect{User: "sys", Password: "p"}, "S", "sys"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			id, err := must(t, tt.o).Authenticate(&auth.Request{Connect: &tt.c, Nonce: []byte(nonce), Type: tt.kind})
			if tt.account == no {
				if err == nil {
					t.Fatalf("is %+v", id)
				}
				if !strings.Contains(err.Error(), tt.user) {
					t.Errorf("%q does not say %q", err, tt.user)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if id.Account != tt.account || id.User != tt.user {
				t.Errorf("is %q of %s; want %q of %s", id.User, id.Account, tt.user, tt.account)
			}
		})
	}
}

// nobodyWithoutKeys returns o without its users that have an nkey.
func nobodyWithoutKeys(o config.Options) config.Options {
	o.Users = slices.DeleteFunc(slices.Clone(o.Users), func(u config.User) bool { return u.Nkey != "" })
	return o
}

func TestNkeyWithoutNonce(t *testing.T) {
	t.Parallel()
	k := newSigner(t)
	a := must(t, config.Options{Users: []config.User{{Nkey: k.public}}})
	c := &wire.Connect{Nkey: k.public, Sig: base64.RawURLEncoding.EncodeToString(k.sign(t, ""))}
	if id, err := a.Authenticate(&auth.Request{Connect: c}); err == nil || !strings.Contains(err.Error(), "no nonce") {
		t.Errorf("got %+v, %v", id, err)
	}
}

// TestBeforeConnect: what INFO says and who one is that sends no CONNECT.
func TestBeforeConnect(t *testing.T) {
	t.Parallel()
	k := newSigner(t)
	users := config.Options{Users: []config.User{user("u", "p"), user("w", "p", "WEBSOCKET"), {Nkey: k.public}}}
	nobody, nobodyKey, nobodyWS := users, users, users
	nobody.NoAuthUser, nobodyKey.NoAuthUser, nobodyWS.NoAuthUser = "u", k.public, "w"
	mapped, mappedNobody, mappedNobodyKey := users, nobody, nobodyKey
	tls := &config.TLS{VerifyAndMap: true}
	mapped.TLS, mappedNobody.TLS, mappedNobodyKey.TLS = tls, tls, tls
	mappedWS := nobody
	mappedWS.WebSocket.TLS = tls

	type answer struct {
		Required, Nonce bool
		Anonymous       string // account and user; empty if nobody
	}
	for _, tt := range []struct {
		name string
		o    config.Options
		kind string
		want answer
	}{
		{"nothing", config.Options{}, auth.Standard, answer{false, false, "$G "}},
		{"a nonce anyway", config.Options{AlwaysEnableNonce: true}, auth.Standard, answer{false, true, "$G "}},
		{"a password without a user", config.Options{Password: "p"}, auth.Standard, answer{false, false, "$G "}},
		{"single", config.Options{Username: "u"}, auth.Standard, answer{true, false, ""}},
		{"token", config.Options{Token: "t"}, auth.Standard, answer{true, false, ""}},
		{"users", users, auth.Standard, answer{true, true, ""}},
		{"no_auth_user", nobody, auth.Standard, answer{false, true, "$G u"}},
		{"no_auth_user over WebSocket", nobody, auth.WebSocket, answer{false, true, "$G u"}},
		{"no_auth_user with an nkey", nobodyKey, auth.Standard, answer{false, true, "$G " + k.public}},
		{"no_auth_user that may not", nobodyWS, auth.Standard, answer{false, true, ""}},
		{"no_auth_user that may", nobodyWS, auth.WebSocket, answer{false, true, "$G w"}},
		{"certificates", mapped, auth.Standard, answer{true, true, ""}},
		{"certificates elsewhere", mapped, auth.WebSocket, answer{true, true, ""}},
		{"certificates before no_auth_user", mappedNobody, auth.Standard, answer{false, true, ""}},
		{"no_auth_user without them elsewhere", mappedNobody, auth.WebSocket, answer{false, true, "$G u"}},
		{"certificates after one with an nkey", mappedNobodyKey, auth.Standard, answer{false, true, "$G " + k.public}},
		{"certificates over WebSocket only", mappedWS, auth.WebSocket, answer{false, true, ""}},
		{"certificates not for leaf nodes", mappedNobody, auth.Leafnode, answer{false, true, "$G u"}},
		{
			"only the system account",
			config.Options{Accounts: []config.Account{{Name: "$SYS", Users: []config.User{user("s", "p")}}}},
			auth.Standard,
			answer{true, false, "$G "},
		},
		{
			"only the system account, and an authorization block",
			config.Options{
				AuthorizationBlock: true,
				Accounts:           []config.Account{{Name: "$SYS", Users: []config.User{user("s", "p")}}},
			},
			auth.Standard,
			answer{true, false, ""},
		},
		{
			"an authorization block alone",
			config.Options{AuthorizationBlock: true},
			auth.Standard,
			answer{false, false, "$G "},
		},
		{
			"only WebSocket asks",
			config.Options{WebSocket: config.WebSocket{Token: "t"}},
			auth.Standard,
			answer{false, false, "$G "},
		},
		{
			"only WebSocket asks, there",
			config.Options{WebSocket: config.WebSocket{Token: "t"}},
			auth.WebSocket,
			answer{true, false, ""},
		},
		{
			"WebSocket has its own no_auth_user",
			config.Options{Users: users.Users[:2], WebSocket: config.WebSocket{NoAuthUser: "w"}},
			auth.WebSocket,
			answer{false, false, "$G w"},
		},
		{
			"which is not the others'",
			config.Options{Users: users.Users[:2], WebSocket: config.WebSocket{NoAuthUser: "w"}},
			auth.Standard,
			answer{true, false, ""},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := must(t, tt.o)
			got := answer{Required: a.RequiredOver(tt.kind), Nonce: a.NeedsNonce()}
			id := a.AnonymousOver(tt.kind)
			if id != nil {
				got.Anonymous = id.Account + " " + id.User
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if tt.kind == auth.Standard && (a.Required() != got.Required || a.Anonymous() != id) {
				t.Error("Required or Anonymous is not that of STANDARD")
			}
		})
	}
}

// TestIdentity: account, permissions and limits of each user.
func TestIdentity(t *testing.T) {
	t.Parallel()
	allow := func(s string) *config.Permissions {
		return &config.Permissions{Publish: config.Rules{Allow: []string{s}}}
	}
	k := newSigner(t)
	own := func(name, account, s string) config.User {
		u := user(name, "")
		u.Account, u.Permissions = account, allow(s)
		return u
	}
	o := config.Options{
		DefaultPermissions: allow("default"),
		Users: []config.User{
			user("u", ""), user("v", ""), own("own", "", "own"),
			{Username: "in", Account: "A"},
			own("inown", "A", "inown"),
			{Username: "sys", Account: "$SYS"},
		},
		Accounts: []config.Account{
			{
				Name: "A", DefaultPermissions: allow("A"), Users: []config.User{user("a", ""), own("aown", "", "aown"), {Nkey: k.public}},
				Limits: config.AccountLimits{MaxSubscriptions: 5, MaxPayload: -1, MaxConnections: 3},
			},
			{Name: "B", Users: []config.User{user("b", ""), {Username: "out", Account: "A"}}, Limits: config.AccountLimits{MaxPayload: 100}},
			{Name: "$G", Limits: config.AccountLimits{MaxSubscriptions: 7}},
		},
	}
	a := must(t, o)
	sets := make(map[*permission.Set]string) // who had it first
	type answer struct {
		Account, Same string // the first user with the same set
		Limits        auth.Limits
	}
	limitsA := auth.Limits{MaxSubscriptions: 5, MaxPayload: -1}
	limitsG := auth.Limits{MaxSubscriptions: 7, MaxPayload: -1}
	for _, tt := range []struct {
		user string
		want answer
	}{
		{"u", answer{"$G", "u", limitsG}},
		{"v", answer{"$G", "u", limitsG}},
		{"own", answer{"$G", "own", limitsG}},
		{"in", answer{"A", "u", limitsA}},
		{"inown", answer{"A", "inown", limitsA}},
		{"a", answer{"A", "a", limitsA}},
		{"aown", answer{"A", "aown", limitsA}},
		{"out", answer{"A", "", limitsA}},
		{"b", answer{"B", "", auth.Limits{MaxSubscriptions: -1, MaxPayload: 100}}},
		{"sys", answer{"$SYS", "u", auth.Unlimited}},
	} {
		id, err := a.Authenticate(&auth.Request{Connect: &wire.Connect{User: tt.user}})
		if err != nil {
			t.Fatal(err)
		}
		if (id.Permissions == nil) != (tt.want.Same == "") || id.User != tt.user || !id.Expires.IsZero() {
			t.Errorf("%s is %+v", tt.user, id)
		}
		if id.Permissions != nil && sets[id.Permissions] == "" {
			sets[id.Permissions] = tt.user
		}
		got := answer{id.Account, sets[id.Permissions], id.Limits}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: -want +got:\n%s", tt.user, diff)
		}
		again, err := a.Authenticate(&auth.Request{Connect: &wire.Connect{User: tt.user}})
		if err != nil || again != id {
			t.Errorf("%s: the identity was made again: %v", tt.user, err)
		}
	}
}

// TestSingleMayDoEverything: default permissions are for users, as nats-server
// has it.
func TestSingleMayDoEverything(t *testing.T) {
	t.Parallel()
	p := &config.Permissions{Publish: config.Rules{Allow: []string{"x"}}}
	for _, o := range []config.Options{
		{DefaultPermissions: p},
		{DefaultPermissions: p, Username: "u", Password: "s"},
		{DefaultPermissions: p, Token: "s"},
	} {
		id, err := must(t, o).Authenticate(&auth.Request{Connect: &wire.Connect{User: "u", Password: "s", Token: "s"}})
		if err != nil || id.Permissions != nil {
			t.Errorf("got %+v, %v", id, err)
		}
	}
}

// TestNewNamesEveryProblem: all at once, each with what it is about, and none
// with a secret.
func TestNewNamesEveryProblem(t *testing.T) {
	t.Parallel()
	k := newSigner(t)
	seed := k.seed(t)
	_, err := auth.New(&config.Options{
		Username: "single", Token: "s3cret", Operators: []string{"s3cret"},
		NoAuthUser: "nobody",
		WebSocket:  config.WebSocket{Username: "ws", Token: "s3cret", NoAuthUser: "wsnobody"},
		Users: []config.User{
			user("twice", "s3cret"), user("", "s3cret"),
			{Nkey: seed, Password: "s3cret"},
			{Nkey: k.public, Password: "s3cret"},
			{Username: "both", Nkey: seed},
			user("way", "s3cret", "STANDARD", "carrier pigeon"),
			{Username: "lost", Account: "nowhere"},
		},
		Accounts: []config.Account{{Name: "A", Users: []config.User{user("twice", "s3cret"), user("", "")}}},
	})
	if err == nil {
		t.Fatal("got no error")
	}
	for _, want := range []string{
		"operators", `"authorization.user"`, `"authorization.token"`,
		`"websocket.authorization.user"`, `"websocket.authorization.token"`,
		`"no_auth_user" is "nobody"`, `"websocket.no_auth_user" is "wsnobody"`,
		`user "twice" is configured twice`, `user 2 of account "$G" has neither`, `user 2 of account "A" has neither`,
		`user 3 of account "$G" has an nkey that is not`, `"` + k.public + `" has a password`,
		`user "both" has an nkey too`, `user "way" may connect as "carrier pigeon"`, `user "lost" is of account "nowhere"`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ndoes not say %s", err, want)
		}
	}
	for _, secret := range []string{"s3cret", seed} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%s\nshows a secret", err)
		}
	}
}

func TestNewNonce(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	for range 1000 {
		n := auth.NewNonce()
		raw, err := base64.RawURLEncoding.DecodeString(string(n))
		if err != nil || len(n) != 15 || len(raw) != 11 {
			t.Fatalf("got %q: %v", n, err)
		}
		if seen[string(n)] {
			t.Fatalf("got %q twice", n)
		}
		seen[string(n)] = true
	}
}

// TestKnownUserAllocatesNothing: logins in clear text leave nothing to collect.
func TestKnownUserAllocatesNothing(t *testing.T) {
	a := must(t, config.Options{Users: []config.User{user("u", "p")}})
	r := &auth.Request{Connect: &wire.Connect{User: "u", Password: "p"}, Type: auth.Standard}
	if n := testing.AllocsPerRun(100, func() {
		if _, err := a.Authenticate(r); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkUser(b *testing.B) {
	a := must(b, config.Options{Users: []config.User{user("u", "p")}})
	r := &auth.Request{Connect: &wire.Connect{User: "u", Password: "p"}, Type: auth.Standard}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkNkey(b *testing.B) {
	k := newSigner(b)
	a := must(b, config.Options{Users: []config.User{{Nkey: k.public}}})
	nonce := auth.NewNonce()
	r := &auth.Request{
		Connect: &wire.Connect{Nkey: k.public, Sig: base64.RawURLEncoding.EncodeToString(k.sign(b, string(nonce)))},
		Nonce:   nonce, Type: auth.Standard,
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}
