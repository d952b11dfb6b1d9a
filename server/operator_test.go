package server_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"moonwire/server/servertest"
)

// realm is an operator with a system account and accounts.
type realm struct {
	encoding sync.Mutex // encoding writes to the claims
	t        testing.TB
	op       key
	sys      *tenant
	all      []*tenant
	conf     string // what else is configured
}

// tenant is an account of a realm.
type tenant struct {
	key
	r      *realm
	claims *jwt.AccountClaims
}

func newRealm(t testing.TB) *realm {
	r := &realm{t: t, op: newKey(t, nkeys.CreateOperator)}
	r.sys = r.account("SYS")
	r.sys.claims.Exports.Add( // as nsc makes it
		&jwt.Export{
			Name: "account-monitoring-services", Subject: "$SYS.REQ.ACCOUNT.*.*", Type: jwt.Service,
			ResponseType: jwt.ResponseTypeStream, AccountTokenPosition: 4,
		},
		&jwt.Export{Name: "account-monitoring-streams", Subject: "$SYS.ACCOUNT.*.>", Type: jwt.Stream, AccountTokenPosition: 3})
	return r
}

func (r *realm) account(name string) *tenant {
	k := newKey(r.t, nkeys.CreateAccount)
	a := &tenant{key: k, r: r, claims: jwt.NewAccountClaims(k.pub)}
	a.claims.Name = name
	r.all = append(r.all, a)
	return a
}

// text is the JWT of the account as its claims are now.
func (a *tenant) text() string {
	a.r.t.Helper()
	a.r.encoding.Lock()
	defer a.r.encoding.Unlock()
	text, err := a.claims.Encode(a.r.op)
	must(a.r.t, err)
	return text
}

// user issues a user; change may alter its claims.
func (a *tenant) user(name string, change func(*jwt.UserClaims)) (key, string) {
	a.r.t.Helper()
	k := newKey(a.r.t, nkeys.CreateUser)
	c := jwt.NewUserClaims(k.pub)
	c.Name = name
	if change != nil {
		change(c)
	}
	text, err := c.Encode(a)
	must(a.r.t, err)
	return k, text
}

// member is how a user of the account connects.
func (a *tenant) member(change func(*jwt.UserClaims)) nats.Option {
	k, text := a.user("ann", change)
	return asUser(k, text)
}

// asUser is how the holder of a key connects with a JWT.
func asUser(k key, text string) nats.Option {
	return nats.UserJWT(func() (string, error) { return text, nil }, k.Sign)
}

// operator is the part of a configuration that both resolvers have.
func (r *realm) operator() string {
	c := jwt.NewOperatorClaims(r.op.pub)
	c.SystemAccount = r.sys.pub
	text, err := c.Encode(r.op)
	must(r.t, err)
	return "operator: " + text + "\n" + r.conf
}

// memory is the configuration with the accounts in it.
func (r *realm) memory() string {
	s := r.operator() + "resolver: MEMORY\nresolver_preload {\n"
	for _, a := range r.all {
		s += a.pub + ": " + a.text() + "\n"
	}
	return s + "}\n"
}

// folder is the configuration with the accounts in a folder, which it writes.
func (r *realm) folder(dir string) string {
	for _, a := range r.all {
		a.store(dir)
	}
	return r.operator() + fmt.Sprintf("resolver { type: full, dir: %q }\n", dir)
}

// store writes the account as it is now into a folder.
func (a *tenant) store(dir string) {
	a.r.t.Helper()
	tmp := filepath.Join(dir, "new")
	must(a.r.t, os.WriteFile(tmp, []byte(a.text()), 0o600))
	must(a.r.t, os.Rename(tmp, filepath.Join(dir, a.pub+".jwt")))
}

// TestOperatorCredentials: users with JWTs, right and wrong, in each way and from
// each resolver.
func TestOperatorCredentials(t *testing.T) {
	t.Parallel()
	p := newPKI(t)
	r, other := newRealm(t), newRealm(t)
	acme, foreign := r.account("acme"), other.account("foreign")
	k, text := acme.user("ann", nil)
	stranger, _ := acme.user("bob", nil)
	_, bearer := acme.user("carl", func(c *jwt.UserClaims) { c.BearerToken = true })
	expired := func(c *jwt.UserClaims) { c.Expires = time.Now().Unix() - 10 }
	creds, err := jwt.FormatUserConfig(text, seed(t, k))
	must(t, err)
	for name, tt := range map[string]struct {
		with nats.Option
		ok   bool
	}{
		"right":            {asUser(k, text), true},
		"credentials file": {nats.UserCredentialBytes(creds), true},
		"wrong key":        {asUser(stranger, text), false},
		"nothing":          {nats.Name("x"), false},
		"a password":       {nats.UserInfo("ann", "x"), false},
		"bearer":           {asUser(stranger, bearer), true},
		"expired":          {acme.member(expired), false},
		"other operator":   {foreign.member(nil), false},
		"another way only": {acme.member(func(c *jwt.UserClaims) { c.AllowedConnectionTypes.Add("MQTT") }), false},
	} {
		for by, w := range ways(p) {
			t.Run(name+", "+by, func(t *testing.T) {
				t.Parallel()
				config := r.memory()
				if by == "tls" {
					config = r.folder(t.TempDir())
				}
				b := servertest.Start(t, w.config+config)
				_, err := open(t, w.url(b), append([]nats.Option{tt.with}, w.with...)...)
				if tt.ok {
					must(t, err)
				} else if !errors.Is(err, nats.ErrAuthorization) && !errors.Is(err, nats.ErrAuthExpired) {
					t.Errorf("got %v, want a refusal", err)
				}
			})
		}
	}
}

func seed(t testing.TB, k key) []byte {
	t.Helper()
	s, err := k.Seed()
	must(t, err)
	return s
}

// end connects and returns what the connection is told when act is done, and it
// ends.
func end(t *testing.T, b servertest.Broker, act func(), with nats.Option) error {
	t.Helper()
	told, closed := make(chan error, 8), make(chan struct{})
	_, err := open(t, b.ClientURL(), with,
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	must(t, err)
	act()
	err = <-told
	<-closed
	return err
}

// TestOperatorEnds: a change of an account's JWT, and time, end connections, and
// say why.
func TestOperatorEnds(t *testing.T) {
	t.Parallel()
	revoke := func(a *tenant, k key) { a.claims.RevokeAt(k.pub, time.Now().Add(time.Minute)) }
	for name, tt := range map[string]struct {
		change func(a *tenant, k key)
		want   error
		reason string
	}{
		"revoked":     {revoke, nats.ErrAuthRevoked, "Credentials Revoked"},
		"all revoked": {func(a *tenant, _ key) { revoke(a, key{pub: jwt.All}) }, nats.ErrAuthRevoked, "Credentials Revoked"},
		"account expires": {
			func(a *tenant, _ key) { a.claims.Expires = time.Now().Unix() + 2 },
			nats.ErrAccountAuthExpired, "Authentication Expired",
		},
		"no bearers any more": {
			func(a *tenant, _ key) { a.claims.Limits.DisallowBearer = true },
			nats.ErrAuthorization, "Authentication Failure",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, dir := newRealm(t), t.TempDir()
			acme := r.account("acme")
			k, text := acme.user("ann", func(c *jwt.UserClaims) { c.BearerToken = true })
			b := servertest.Start(t, monitored+r.folder(dir))
			other, err := open(t, b.ClientURL(), r.sys.member(nil))
			must(t, err)
			err = end(t, b, func() {
				tt.change(acme, k)
				acme.store(dir)
			}, asUser(k, text))
			if !errors.Is(err, tt.want) {
				t.Errorf("ended with %v, want %v", err, tt.want)
			}
			must(t, other.FlushTimeout(patience)) // nobody else is touched
			eventually(t, func() string {
				var z connz
				look(t, b, "/connz?state=closed", &z)
				if len(z.Conns) != 1 || z.Conns[0].Reason != tt.reason {
					return fmt.Sprintf("/connz says %+v, want %q", z.Conns, tt.reason)
				}
				return ""
			})
		})
	}
	t.Run("user expires", func(t *testing.T) {
		t.Parallel()
		r := newRealm(t)
		acme := r.account("acme")
		b := servertest.Start(t, r.memory())
		soon := acme.member(func(c *jwt.UserClaims) { c.Expires = time.Now().Unix() + 2 })
		if err := end(t, b, func() {}, soon); !errors.Is(err, nats.ErrAuthExpired) {
			t.Errorf("ended with %v", err)
		}
	})
}

// TestOperatorNewRights: what a new JWT of the account allows holds for those who
// are connected.
func TestOperatorNewRights(t *testing.T) {
	t.Parallel()
	r, dir := newRealm(t), t.TempDir()
	acme := r.account("acme")
	b := servertest.Start(t, r.folder(dir))
	fault := make(chan error, 1)
	nc, err := open(t, b.ClientURL(), acme.member(nil),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { fault <- err }))
	must(t, err)
	_, err = nc.SubscribeSync("secret")
	must(t, err)
	must(t, nc.FlushTimeout(patience))
	acme.claims.DefaultPermissions.Sub.Deny.Add("secret")
	acme.store(dir)
	if err := <-fault; !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("told %v", err)
	}
	echo(t, nc, nc)
}

// TestOperatorImports: a stream that asks for a token reaches the account that
// has one, and no other.
func TestOperatorImports(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	shop, friend, thief := r.account("shop"), r.account("friend"), r.account("thief")
	shop.claims.Exports.Add(
		&jwt.Export{Name: "orders", Subject: "orders.>", Type: jwt.Stream, TokenReq: true},
		&jwt.Export{Name: "price", Subject: "price", Type: jwt.Service})
	token := jwt.NewActivationClaims(friend.pub)
	token.ImportSubject, token.ImportType = "orders.>", jwt.Stream
	activation, err := token.Encode(shop)
	must(t, err)
	orders := func(token string) *jwt.Import {
		return &jwt.Import{Account: shop.pub, Subject: "orders.>", Type: jwt.Stream, Token: token}
	}
	friend.claims.Imports.Add(orders(activation),
		&jwt.Import{Account: shop.pub, Subject: "price", LocalSubject: "shop.price", Type: jwt.Service})
	thief.claims.Imports.Add(orders(""))
	b := servertest.Start(t, r.memory())
	clients := make(map[*tenant]*nats.Conn)
	for _, a := range []*tenant{shop, friend, thief} {
		clients[a], err = open(t, b.ClientURL(), a.member(nil))
		must(t, err)
	}
	subs := make(map[*tenant]*nats.Subscription)
	for _, a := range []*tenant{friend, thief} {
		subs[a], err = clients[a].SubscribeSync(">")
		must(t, err)
		must(t, clients[a].FlushTimeout(patience))
	}
	must(t, clients[shop].Publish("orders.1", []byte("one")))
	must(t, clients[shop].FlushTimeout(patience))
	equal(t, "for the friend", []string{"one"}, receive(t, subs[friend], 1))
	must(t, clients[thief].Publish("own", []byte("mine")))
	equal(t, "for the thief", []string{"mine"}, receive(t, subs[thief], 1))

	_, err = clients[shop].Subscribe("price", func(m *nats.Msg) { _ = m.Respond([]byte("5")) })
	must(t, err)
	must(t, clients[shop].FlushTimeout(patience))
	m, err := clients[friend].Request("shop.price", nil, patience)
	must(t, err)
	equal(t, "answer", "5", string(m.Data))
}

// TestOperatorNeighbours: an account that cannot be had does not stay in the way of
// others, not even of those that import from it.
func TestOperatorNeighbours(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	broken, victim, other := r.account("broken"), r.account("victim"), r.account("other")
	there, back := r.account("there"), r.account("back")
	for _, a := range []*tenant{broken, there, back} {
		a.claims.Exports.Add(&jwt.Export{Name: "e", Subject: "e", Type: jwt.Service})
	}
	broken.claims.Mappings = jwt.Mapping{"in": {{Subject: "out.{{wildcard(5)}}"}}} // there is no fifth
	victim.claims.Imports.Add(&jwt.Import{Account: broken.pub, Subject: "e", Type: jwt.Service})
	there.claims.Imports.Add(&jwt.Import{Account: back.pub, Subject: "e", Type: jwt.Service}) // in a circle
	back.claims.Imports.Add(&jwt.Import{Account: there.pub, Subject: "e", Type: jwt.Service})
	b := servertest.Start(t, r.memory())
	for _, a := range []*tenant{broken, there, back} {
		if nc, err := open(t, b.ClientURL(), a.member(nil)); err == nil {
			nc.Close()
			t.Errorf("%s was let in", a.claims.Name)
		}
	}
	for _, a := range []*tenant{victim, other} {
		_, err := open(t, b.ClientURL(), a.member(nil))
		must(t, err)
	}
}

// TestOperatorExportEnds: an account may take back what others import, and change
// at the same time.
func TestOperatorExportEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := newRealm(t)
	shop := r.account("shop")
	shop.claims.Exports.Add(&jwt.Export{Name: "orders", Subject: "orders.>", Type: jwt.Stream})
	var importers []*tenant
	for i := range 5 {
		a := r.account(fmt.Sprint("importer", i))
		a.claims.Imports.Add(&jwt.Import{Account: shop.pub, Subject: "orders.>", Type: jwt.Stream})
		importers = append(importers, a)
	}
	b := servertest.Start(t, r.folder(dir))
	for _, a := range importers {
		_, err := open(t, b.ClientURL(), a.member(nil))
		must(t, err)
	}
	nc, err := open(t, b.ClientURL(), shop.member(nil))
	must(t, err)
	sub, err := nc.SubscribeSync("out")
	must(t, err)
	shop.claims.Exports = nil
	shop.claims.Mappings = jwt.Mapping{"in": {{Subject: "out"}}}
	shop.store(dir)
	for end := time.Now().Add(patience); ; {
		must(t, nc.Publish("in", nil))
		if _, err = sub.NextMsg(50 * time.Millisecond); err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the new JWT of the exporter is not heeded")
		}
	}
}

// TestOperatorSystemAccount: its users are told that they are in it.
func TestOperatorSystemAccount(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	acme := r.account("acme")
	b := servertest.Start(t, r.memory())
	for _, a := range []*tenant{r.sys, acme} {
		k, text := a.user("ann", nil)
		c, err := dial(b.Addr())
		must(t, err)
		defer c.close()
		var info struct {
			Nonce string `json:"nonce"`
		}
		must(t, json.Unmarshal([]byte(strings.TrimPrefix(c.info, "INFO ")), &info))
		sig, err := k.Sign([]byte(info.Nonce))
		must(t, err)
		must(t, c.send(fmt.Sprintf(`CONNECT {"verbose":false,"protocol":1,"jwt":%q,"sig":%q}`+"\r\nPING\r\n",
			text, base64.RawURLEncoding.EncodeToString(sig))))
		var said struct {
			Account string `json:"remote_account"`
			System  bool   `json:"acc_is_sys"`
		}
		for !strings.Contains(c.info, `"connect_info":true`) {
			c.info, err = c.readLine()
			must(t, err)
		}
		must(t, json.Unmarshal([]byte(strings.TrimPrefix(c.info, "INFO ")), &said))
		if said.Account != a.pub || said.System != (a == r.sys) {
			t.Errorf("%s: INFO says %+v", a.claims.Name, said)
		}
	}
}

// TestOperatorSentinel: who has no JWT is what the sentinel says.
func TestOperatorSentinel(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	acme := r.account("acme")
	_, sentinel := acme.user("anybody", func(c *jwt.UserClaims) {
		c.BearerToken = true
		c.Pub.Allow.Add("open")
	})
	r.conf = "default_sentinel: " + sentinel + "\n"
	b := servertest.Start(t, r.memory())
	fault := make(chan error, 1)
	nc, err := open(t, b.ClientURL(), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { fault <- err }))
	must(t, err)
	member, err := open(t, b.ClientURL(), acme.member(nil))
	must(t, err)
	sub, err := member.SubscribeSync(">")
	must(t, err)
	must(t, member.FlushTimeout(patience))
	must(t, nc.Publish("closed", []byte("no")))
	must(t, nc.Publish("open", []byte("yes")))
	equal(t, "for a member", []string{"yes"}, receive(t, sub, 1))
	if err := <-fault; !errors.Is(err, nats.ErrPermissionViolation) {
		t.Error(err)
	}
}

// TestOperatorCookie: the JWT of a bearer may come in a cookie.
func TestOperatorCookie(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	acme := r.account("acme")
	_, bearer := acme.user("ann", func(c *jwt.UserClaims) { c.BearerToken = true })
	_, held := acme.user("bob", nil)
	b := servertest.Start(t, socket("no_tls: true", "jwt_cookie: auth")+r.memory())
	for text, ok := range map[string]bool{bearer: true, held: false, "nonsense": false} {
		c, _ := webClient(t, webURL(b), nil, http.Header{"Cookie": {"auth=" + text}})
		must(t, c.send(hello))
		if err := c.sync(nil); (err == nil) != ok {
			t.Errorf("%.20s…: got %v, want success: %t", text, err, ok)
		}
	}
}

// TestOperatorConnz compares what /connz tells of users with JWTs with the
// reference's.
func TestOperatorConnz(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	acme := r.account("acme")
	member := acme.member(func(c *jwt.UserClaims) { c.Tags.Add("blue") })
	bearer := acme.member(func(c *jwt.UserClaims) { c.BearerToken = true })
	config := monitored + r.memory()
	ours, theirs := servertest.Start(t, config), startReference(t, config)
	for _, url := range []string{ours.ClientURL(), theirs.ClientURL()} {
		for _, who := range []nats.Option{member, bearer} {
			_, err := open(t, url, who)
			must(t, err)
		}
	}
	for _, query := range []string{"", "auth=1"} {
		equal(t, query, connections(t, theirs.MonitorAddr(), query), connections(t, ours.MonitorAddr(), query))
	}
}
