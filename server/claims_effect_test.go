package server_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"moonwire/server/servertest"
)

// connected lets a user in, and tells why its connection ends.
func connected(t testing.TB, url string, who nats.Option) (*nats.Conn, <-chan error) {
	t.Helper()
	told, closed := make(chan error, 8), make(chan error, 1)
	nc, err := open(t, url, who,
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { told <- err }),
		nats.ClosedHandler(func(*nats.Conn) {
			select {
			case err := <-told:
				closed <- err
			default:
				closed <- nil
			}
		}))
	must(t, err)
	return nc, closed
}

// TestClaimsTakeEffect: what is pushed and deleted holds for those who are
// connected, and when the answer is there for those who come.
func TestClaimsTakeEffect(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"full", "cache", "memory"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRealm(t)
			acme := r.account("acme")
			may := map[string]string{"full": "allow_delete: true"}[kind]
			b := servertest.Start(t, r.as(kind, may))
			admin := r.admin(b.ClientURL())
			push := func(a *tenant) string {
				return call(t, admin, "$SYS.REQ.ACCOUNT."+a.pub+".CLAIMS.UPDATE", a.text())
			}
			for _, a := range []*tenant{acme, r.sys} { // the system account was not looked up for imports
				k, text := a.user("bob", nil)
				_, closed := connected(t, b.ClientURL(), asUser(k, text))
				a.claims.RevokeAt(k.pub, time.Now().Add(time.Minute))
				if got := push(a); !strings.Contains(got, "jwt updated") {
					t.Fatal(got)
				}
				if _, err := open(t, b.ClientURL(), asUser(k, text)); !errors.Is(err, nats.ErrAuthorization) && !errors.Is(err, nats.ErrAuthRevoked) {
					t.Errorf("%s: let in after the push: %v", a.claims.Name, err)
				}
				if err := <-closed; !errors.Is(err, nats.ErrAuthRevoked) {
					t.Errorf("%s: ended with %v", a.claims.Name, err)
				}
			}
			if kind == "memory" {
				return
			}
			acme.claims.Limits.Conn = 1
			push(acme)
			_, closed := connected(t, b.ClientURL(), acme.member(nil))
			call(t, admin, "$SYS.REQ.CLAIMS.DELETE", r.deletion(r.op, []string{acme.pub}))
			if _, err := open(t, b.ClientURL(), acme.member(nil)); !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("let in after the account was deleted: %v", err)
			}
			if err := <-closed; !errors.Is(err, nats.ErrAccountAuthExpired) {
				t.Errorf("deleted: ended with %v", err)
			}
			if kind == "cache" {
				return // which takes only what is in use
			}
			// What comes back is what is pushed, and nothing of what was.
			acme.claims.Limits.Conn = 2
			push(acme)
			for range 2 {
				_, err := open(t, b.ClientURL(), acme.member(nil))
				must(t, err)
			}
		})
	}
}

// TestClaimsMendSystem: a system account that nobody can have as it is lets its
// users in all the same, who push a better one.
func TestClaimsMendSystem(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	acme := r.account("acme")
	for _, a := range []*tenant{acme, r.sys} {
		a.claims.Exports.Add(&jwt.Export{Name: "e", Subject: "e", Type: jwt.Service})
	}
	acme.claims.Imports.Add(&jwt.Import{Account: r.sys.pub, Subject: "e", Type: jwt.Service})
	r.sys.claims.Imports.Add(&jwt.Import{Account: acme.pub, Subject: "e", Type: jwt.Service}) // in a circle
	b := servertest.Start(t, r.as("full", "allow_delete: true"))
	admin := r.admin(b.ClientURL())
	if _, err := open(t, b.ClientURL(), acme.member(nil)); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("the circle is there: %v", err)
	}
	r.sys.claims.Imports, r.sys.claims.Limits.Conn = nil, 1
	if got := call(t, admin, "$SYS.REQ.CLAIMS.UPDATE", r.sys.text()); !strings.Contains(got, "jwt updated") {
		t.Fatal(got)
	}
	if _, err := open(t, b.ClientURL(), r.sys.member(nil)); err == nil {
		t.Error("the new limit is not heeded")
	}
	_, err := open(t, b.ClientURL(), acme.member(nil))
	must(t, err)
	must(t, admin.FlushTimeout(patience))
}

// TestClaimsImports: a push is heeded by those who import from the account.
func TestClaimsImports(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	shop, friend := r.account("shop"), r.account("friend")
	shop.claims.Exports.Add(&jwt.Export{Name: "orders", Subject: "orders", Type: jwt.Stream})
	friend.claims.Imports.Add(&jwt.Import{Account: shop.pub, Subject: "orders", Type: jwt.Stream})
	b := servertest.Start(t, r.as("full", "allow_delete: true"))
	admin := r.admin(b.ClientURL())
	to, err := open(t, b.ClientURL(), friend.member(nil))
	must(t, err)
	sub, err := to.SubscribeSync(">")
	must(t, err)
	must(t, to.FlushTimeout(patience))
	publish := func(text string) {
		from, err := open(t, b.ClientURL(), shop.member(nil))
		must(t, err)
		must(t, from.Publish("orders", []byte(text)))
		must(t, from.FlushTimeout(patience))
		from.Close()
		must(t, to.Publish("end", []byte("end of "+text)))
		must(t, to.FlushTimeout(patience)) // before what follows
	}
	publish("one")
	call(t, admin, "$SYS.REQ.CLAIMS.DELETE", r.deletion(r.op, []string{shop.pub}))
	call(t, admin, "$SYS.REQ.CLAIMS.UPDATE", shop.text())
	publish("two")
	shop.claims.Exports = nil
	call(t, admin, "$SYS.REQ.CLAIMS.UPDATE", shop.text())
	publish("three")
	equal(t, "for the friend", []string{"one", "end of one", "two", "end of two", "end of three"}, receive(t, sub, 5))
}
