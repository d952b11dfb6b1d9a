package server_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"

	"moonwire/hooks"
	"moonwire/server"
	"moonwire/server/servertest"
)

// TestHookedOperator: in operator mode a hook may put a client into any account
// whose JWT the resolver has, for as long as the account can be used; users with
// JWTs are let in beside that.
func TestHookedOperator(t *testing.T) {
	t.Parallel()
	r, dir := newRealm(t), t.TempDir()
	acme, stale := r.account("acme"), r.account("stale")
	conf := r.folder(dir)
	b := servertest.Start(t, conf)
	must(t, server.Manager(b.Server).Load(context.Background(), []hooks.Spec{connecting(func(c *hooks.Call) {
		if c.Connect.JWT != "" {
			allow(nil)(c)
			return
		}
		allow(&hooks.Identity{User: "u", Account: c.Connect.User})(c)
	})}))
	native, err := open(t, b.ClientURL(), acme.member(nil), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	must(t, err)
	must(t, native.FlushTimeout(patience))
	in := func(account string) string { return fmt.Sprintf(`,"user":%q`, account) }
	if _, line := says(t, b.Addr(), in("$G")); line != violation {
		t.Errorf("into an account that is none: %q", line)
	}
	stays, ends := says2(t, b.Addr(), in(acme.pub)), says2(t, b.Addr(), in(stale.pub))
	must(t, stays.send("SUB x 1\r\n"))
	must(t, stays.sync(nil))
	must(t, native.Publish("x", []byte("!")))
	if f, err := stays.message(); err != nil || string(f.payload) != "!" {
		t.Errorf("got %s, %v", f, err)
	}
	stale.claims.Expires = time.Now().Unix() + 2
	stale.store(dir)
	acme.claims.DefaultPermissions.Sub.Deny.Add("secret") // of users with JWTs
	acme.store(dir)
	if rest, err := ends.ended(); strings.TrimPrefix(rest, "PING\r\n") != "-ERR 'Account Authentication Expired'\r\n" || err != nil {
		t.Errorf("the end is %q, %v", rest, err)
	}
	if _, line := says(t, b.Addr(), in(stale.pub)); line != violation {
		t.Errorf("into an account that has expired: %q", line)
	}
	must(t, stays.send("SUB secret 2\r\n"))
	must(t, stays.sync(nil))

	// What a hook allowed stays when the JWT of the account changes.
	n, err := b.Control().SetPermissions(hooks.Selector{Account: acme.pub}, &hooks.Permissions{Subscribe: hooks.Rules{Deny: []string{"y"}}})
	if n != 2 || err != nil {
		t.Errorf("got %d, %v", n, err)
	}
	acme.claims.DefaultPermissions = jwt.Permissions{}
	acme.store(dir)
	must(t, b.Reload(options(t, conf)))
	must(t, stays.send("SUB y 3\r\n"))
	line, err := stays.readLine()
	for err == nil && line == "PING" { // the broker's own, which comes two seconds after CONNECT
		line, err = stays.readLine()
	}
	must(t, err)
	if want := `-ERR 'Permissions Violation for Subscription to "y"'`; line != want {
		t.Errorf("got %q, want %q", line, want)
	}
	if _, err = native.SubscribeSync("y"); err != nil {
		t.Fatal(err)
	}
	must(t, native.FlushTimeout(patience))
	if err := native.LastError(); !errors.Is(err, nats.ErrPermissionViolation) {
		t.Errorf("the user with a JWT was told %v", err)
	}
}
