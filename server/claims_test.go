package server_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"

	"moonwire/server/servertest"
)

// as is the configuration with the accounts where a resolver of a type has them.
func (r *realm) as(kind, more string) string {
	if kind == "memory" {
		return r.memory()
	}
	dir := r.t.TempDir()
	for _, a := range r.all {
		a.store(dir)
	}
	return r.operator() + fmt.Sprintf("resolver { type: %s, dir: %q\n%s }\n", kind, dir, more)
}

// admin connects a user of the system account, who may say what goes wrong.
func (r *realm) admin(url string) *nats.Conn {
	r.t.Helper()
	nc, err := open(r.t, url, r.sys.member(nil))
	must(r.t, err)
	return nc
}

// deletion is a request to delete accounts.
func (r *realm) deletion(by key, accounts any) string {
	c := jwt.NewGenericClaims(by.pub)
	c.Data["accounts"] = accounts
	text, err := c.Encode(by)
	must(r.t, err)
	return text
}

// lively is what differs from answer to answer, and what the reference says of
// its JetStream.
var lively = regexp.MustCompile(`"(?:name|id|ver|time)":"[^"]*",?|"seq":\d+,|"feature_flags":{[^}]*},`)

// call sends a request and returns the answer with what is lively left out, and
// "nobody" if there is none to expect.
func call(t testing.TB, nc *nats.Conn, subject, body string) string {
	t.Helper()
	m, err := nc.Request(subject, []byte(body), patience)
	if errors.Is(err, nats.ErrNoResponders) {
		return "nobody"
	}
	must(t, err)
	return lively.ReplaceAllString(string(m.Data), "")
}

// TestClaims plays requests about accounts to both servers, for each resolver,
// and compares what they answer.
func TestClaims(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"full", "cache", "memory"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRealm(t)
			acme, idle := r.account("acme"), r.account("idle")
			r.conf = "max_payload: 2MB\n"
			may := map[string]string{"full": "allow_delete: true"}[kind]
			ours, theirs := servertest.Start(t, r.as(kind, may)), startReference(t, r.as(kind, may))
			r.all = nil
			fresh, late := r.account("fresh"), r.account("late")
			type step struct{ name, subject, body string }
			update := func(a *tenant) string { return "$SYS.REQ.ACCOUNT." + a.pub + ".CLAIMS.UPDATE" }
			lookup := func(a *tenant) string { return "$SYS.REQ.ACCOUNT." + a.pub + ".CLAIMS.LOOKUP" }
			const push, list, del = "$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.CLAIMS.LIST", "$SYS.REQ.CLAIMS.DELETE"
			acme.claims.Limits.Subs = 5
			broken := jwt.NewAccountClaims(acme.pub)
			broken.Exports.Add(&jwt.Export{Subject: "", Type: jwt.Stream})
			text, err := broken.Encode(r.op)
			must(t, err)
			stranger := newKey(t, nkeys.CreateOperator)
			for _, s := range []step{
				{"list", list, ""},
				{"push", push, acme.text()},
				{"push again", push, acme.text()},
				{"push to the account", update(acme), acme.text()},
				{"push to the old subject", "$SYS.ACCOUNT." + acme.pub + ".CLAIMS.UPDATE", acme.text()},
				{"push one that nobody asked for", push, idle.text()},
				{"push it to the account", update(idle), idle.text()},
				{"push a new one", push, fresh.text()},
				{"push a new one to the account", update(late), late.text()},
				{"push the system account", push, r.sys.text()},
				{"push to another account", update(acme), fresh.text()},
				{"push nothing", push, ""},
				{"push nothing to the account", update(acme), ""},
				{"push garbage", push, "garbage"},
				{"push garbage to the account", update(acme), "a.b.c"},
				{"push garbage to no account", "$SYS.REQ.ACCOUNT.x.CLAIMS.UPDATE", "a.b.c"},
				{"push what is too large", push, strings.Repeat("a", jwt.MaxTokenSize+1)},
				{"push what is not valid", push, text},
				{"push what is not valid to the account", update(acme), text},
				{"list what is there", list, ""},
				{"look up", lookup(acme), ""},
				{"look up another", lookup(r.sys), ""},
				{"look up one that is not there", lookup(&tenant{key: newKey(t, nkeys.CreateAccount)}), ""},
				{"delete by garbage", del, "garbage"},
				{"delete by a stranger", del, r.deletion(stranger, []string{acme.pub})},
				{"delete by an account", del, r.deletion(acme.key, []string{acme.pub})},
				{"delete nothing", del, r.deletion(r.op, []string{})},
				{"delete no list", del, r.deletion(r.op, acme.pub)},
				{"delete what is no text", del, r.deletion(r.op, []any{acme.pub, 1})},
				{"delete what is no key", del, r.deletion(r.op, []string{"../../x"})},
				{"delete the system account", del, r.deletion(r.op, []string{acme.pub, r.sys.pub})},
				{"delete", del, r.deletion(r.op, []string{acme.pub, late.pub})},
				{"delete again", del, r.deletion(r.op, []string{acme.pub})},
				{"look up what is deleted", lookup(acme), ""},
				{"list what is left", list, ""},
			} {
				got := make(map[string]string)
				quiet := nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {})
				for name, url := range map[string]string{"ours": ours.ClientURL(), "theirs": theirs.ClientURL()} {
					user, err := open(t, url, acme.member(nil), quiet) // it is known, until it is deleted
					admin := r.admin(url)
					got[name] = call(t, admin, s.subject, s.body)
					admin.Close()
					if err == nil {
						user.Close()
					}
				}
				want := got["theirs"]
				if kind == "memory" { // which does not say why
					want = strings.Replace(want, "account validation failed", "validation errors: [subject cannot be empty]", 1)
				}
				if got["ours"] != want {
					t.Errorf("%s:\nours   %s\ntheirs %s", s.name, got["ours"], got["theirs"])
				}
			}
		})
	}
}

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

// TestClaimsRefused: a JWT that nobody should heed is not stored either. The
// reference checks no more than that it is well made.
func TestClaimsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		change func(r *realm, a *tenant)
		want   string
	}{
		"another operator": {func(r *realm, _ *tenant) { r.op = newKey(r.t, nkeys.CreateOperator) }, "no trusted operator signed its JWT"},
		"signed by itself": {func(r *realm, a *tenant) { r.op = a.key }, "no trusted operator signed its JWT"},
		"expired":          {func(_ *realm, a *tenant) { a.claims.Expires = time.Now().Unix() - 10 }, "expired at"},
		"to come":          {func(_ *realm, a *tenant) { a.claims.NotBefore = time.Now().Unix() + 1000 }, "not valid before"},
		"a mapping": {func(_ *realm, a *tenant) {
			a.claims.Mappings = jwt.Mapping{"in": {{Subject: "out.{{wildcard(5)}}"}}}
		}, "jwt validation failed - validation errors: ["},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRealm(t)
			acme := r.account("acme")
			dir := t.TempDir()
			b := servertest.Start(t, r.folder(dir))
			admin := r.admin(b.ClientURL())
			file := filepath.Join(dir, acme.pub+".jwt")
			before, err := os.ReadFile(file)
			must(t, err)
			user, err := open(t, b.ClientURL(), acme.member(nil))
			must(t, err)
			tt.change(r, acme)
			for _, subject := range []string{"$SYS.REQ.CLAIMS.UPDATE", "$SYS.REQ.ACCOUNT." + acme.pub + ".CLAIMS.UPDATE"} {
				if got := call(t, admin, subject, acme.text()); !strings.Contains(got, tt.want) || !strings.Contains(got, `"code":500`) {
					t.Errorf("got %s, want %q", got, tt.want)
				}
			}
			after, err := os.ReadFile(file)
			must(t, err)
			equal(t, "the file", string(before), string(after))
			must(t, user.FlushTimeout(patience))
		})
	}
}

// TestClaimsStrict: an operator that wants its signing keys used signs nothing
// itself.
func TestClaimsStrict(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	acme := r.account("acme")
	sign := newKey(t, nkeys.CreateOperator)
	op := jwt.NewOperatorClaims(r.op.pub)
	op.SystemAccount, op.StrictSigningKeyUsage = r.sys.pub, true
	op.SigningKeys.Add(sign.pub)
	text, err := op.Encode(r.op)
	must(t, err)
	by := acme.text()
	root := r.op
	r.op = sign
	sysKey, sysSign := r.sys.key, newKey(t, nkeys.CreateAccount)
	r.sys.claims.SigningKeys.Add(sysSign.pub)
	issued := func(c *jwt.UserClaims) { c.IssuerAccount = sysKey.pub }
	config := func() string {
		dir := t.TempDir()
		r.sys.store(dir)
		return fmt.Sprintf("operator: %s\nresolver { type: full, dir: %q, allow_delete: true }\n", text, dir)
	}
	ours, theirs := servertest.Start(t, config()), startReference(t, config())
	r.sys.key = sysSign // who signs users
	member := r.sys.member(issued)
	for _, step := range []struct{ subject, body string }{
		{"$SYS.REQ.CLAIMS.UPDATE", by},
		{"$SYS.REQ.ACCOUNT." + acme.pub + ".CLAIMS.UPDATE", by},
		{"$SYS.REQ.CLAIMS.UPDATE", acme.text()},
		{"$SYS.REQ.CLAIMS.DELETE", r.deletion(root, []string{acme.pub})},
		{"$SYS.REQ.CLAIMS.DELETE", r.deletion(sign, []string{acme.pub})},
	} {
		var got []string
		for _, url := range []string{ours.ClientURL(), theirs.ClientURL()} {
			nc, err := open(t, url, member)
			must(t, err)
			got = append(got, call(t, nc, step.subject, step.body))
		}
		equal(t, step.subject, got[1], got[0])
	}
}

// TestClaimsDelete: what becomes of the file of a deleted account is for the
// settings to say, here and there.
func TestClaimsDelete(t *testing.T) {
	t.Parallel()
	for flags, want := range map[string]string{
		"":                                      ".jwt",
		"allow_delete: false":                   ".jwt",
		"allow_delete: true":                    ".jwt.deleted",
		"allow_delete: true\nhard_delete: true": "",
	} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			r := newRealm(t)
			acme := r.account("acme")
			var answers []string
			for _, start := range []func(string) string{
				func(config string) string { return servertest.Start(t, config).ClientURL() },
				func(config string) string { return startReference(t, config).ClientURL() },
			} {
				dir := t.TempDir()
				url := start(strings.Replace(r.folder(dir), " }", "\n"+flags+"\n}", 1))
				answers = append(answers, call(t, r.admin(url), "$SYS.REQ.CLAIMS.DELETE", r.deletion(r.op, []string{acme.pub})))
				left, err := filepath.Glob(filepath.Join(dir, acme.pub+"*"))
				must(t, err)
				var wanted []string
				if want != "" {
					wanted = []string{filepath.Join(dir, acme.pub+want)}
				}
				equal(t, "the files", wanted, left)
			}
			equal(t, "the answers", answers[1], answers[0])
		})
	}
}

// TestClaimsDeleteExpired: a request that was to hold for a time holds no longer;
// the reference does not look.
func TestClaimsDeleteExpired(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	acme := r.account("acme")
	b := servertest.Start(t, r.as("full", "allow_delete: true"))
	c := jwt.NewGenericClaims(r.op.pub)
	c.Data["accounts"] = []string{acme.pub}
	c.Expires = time.Now().Unix() - 10
	text, err := c.Encode(r.op)
	must(t, err)
	if got := call(t, r.admin(b.ClientURL()), "$SYS.REQ.CLAIMS.DELETE", text); !strings.Contains(got, "failed - expired") {
		t.Error(got)
	}
}

// TestClaimsLimit: a directory that is full takes changes, and nothing new.
func TestClaimsLimit(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	acme := r.account("acme")
	b := servertest.Start(t, r.as("full", "limit: 2"))
	admin := r.admin(b.ClientURL())
	r.all = nil
	for a, want := range map[*tenant]string{acme: "jwt updated", r.account("one more"): "its limit"} {
		a.claims.Limits.Subs = 5
		if got := call(t, admin, "$SYS.REQ.CLAIMS.UPDATE", a.text()); !strings.Contains(got, want) {
			t.Errorf("%s: %s", a.claims.Name, got)
		}
	}
}

// TestClaimsPack: who pulls gets every account that has not expired, and then an
// empty message; who has them all already gets only that.
func TestClaimsPack(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	r.account("acme")
	var all [sha256.Size]byte
	dirs := []string{t.TempDir(), t.TempDir()}
	for _, a := range r.all {
		text := a.text()
		for i, b := range sha256.Sum256([]byte(text)) {
			all[i] ^= b
		}
		for _, dir := range dirs {
			must(t, os.WriteFile(filepath.Join(dir, a.pub+".jwt"), []byte(text), 0o600))
		}
	}
	gone := r.account("gone") // nats-server has removed the file
	gone.claims.Expires = time.Now().Unix() - 10
	gone.store(dirs[0])
	config := func(dir string) string {
		return r.operator() + fmt.Sprintf("resolver { type: full, dir: %q }\n", dir)
	}
	ours, theirs := servertest.Start(t, config(dirs[0])), startReference(t, config(dirs[1]))
	for name, hash := range map[string][]byte{"nothing": nil, "other": make([]byte, len(all)), "all": all[:]} {
		got := make(map[string][]string)
		for who, url := range map[string]string{"ours": ours.ClientURL(), "theirs": theirs.ClientURL()} {
			admin := r.admin(url)
			sub, err := admin.SubscribeSync(nats.NewInbox())
			must(t, err)
			must(t, admin.PublishRequest("$SYS.REQ.CLAIMS.PACK", sub.Subject, hash))
			for end := false; !end; {
				m, err := sub.NextMsg(patience)
				must(t, err)
				got[who] = append(got[who], string(m.Data))
				end = len(m.Data) == 0
			}
		}
		equal(t, name, got["theirs"], got["ours"])
		if n := map[string]int{"nothing": 3, "other": 3, "all": 1}[name]; len(got["ours"]) != n {
			t.Errorf("%s: got %d messages, want %d", name, len(got["ours"]), n)
		}
	}
}

// TestClaimsAreOfSystem: nobody else asks, but for what the system account exports;
// and headers are no part of a request.
func TestClaimsAreOfSystem(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	acme := r.account("acme")
	r.sys.claims.Exports.Add(&jwt.Export{
		Name: "own", Subject: "$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", Type: jwt.Service, AccountTokenPosition: 4,
	})
	acme.claims.Imports.Add(&jwt.Import{
		Account: r.sys.pub, Subject: jwt.Subject("$SYS.REQ.ACCOUNT." + acme.pub + ".CLAIMS.LOOKUP"), LocalSubject: "me", Type: jwt.Service,
	})
	b := servertest.Start(t, r.as("full", "allow_delete: true"))
	user, err := open(t, b.ClientURL(), acme.member(nil))
	must(t, err)
	for _, verb := range []string{"CLAIMS.UPDATE", "CLAIMS.LIST", "CLAIMS.DELETE", "CLAIMS.PACK", "ACCOUNT." + acme.pub + ".CLAIMS.LOOKUP"} {
		equal(t, verb, "nobody", call(t, user, "$SYS.REQ."+verb, acme.text()))
	}
	if own, err := jwt.DecodeAccountClaims(call(t, user, "me", "")); err != nil || own.Subject != acme.pub {
		t.Errorf("what the system account exports: %v, %v", own, err)
	}
	m, err := r.admin(b.ClientURL()).RequestMsg(&nats.Msg{
		Subject: "$SYS.REQ.ACCOUNT." + acme.pub + ".CLAIMS.UPDATE", Header: nats.Header{"A": {"b"}}, Data: []byte(acme.text()),
	}, patience)
	must(t, err)
	if !strings.Contains(string(m.Data), "jwt updated") {
		t.Error(string(m.Data))
	}
}

// TestClaimsAsked: an account that a directory does not have is asked for in the
// system account; what is answered is checked, and kept.
func TestClaimsAsked(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"full", "cache"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRealm(t)
			dir := t.TempDir()
			r.sys.store(dir)
			b := servertest.Start(t, r.operator()+fmt.Sprintf("resolver { type: %s, dir: %q }\n", kind, dir))
			known, empty, forged, unasked := r.account("known"), r.account("empty"), r.account("forged"), r.account("unasked")
			other := newRealm(t)
			foreign := &tenant{key: forged.key, r: other, claims: forged.claims}
			texts := map[string]string{known.pub: known.text(), forged.pub: foreign.text()}
			refused := func(a *tenant) {
				t.Helper()
				if _, err := open(t, b.ClientURL(), a.member(nil)); !errors.Is(err, nats.ErrAuthorization) {
					t.Errorf("%s: %v", a.claims.Name, err)
				}
			}
			refused(unasked) // at once: nobody listens
			admin := r.admin(b.ClientURL())
			var asked []string
			_, err := admin.Subscribe("$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", func(m *nats.Msg) {
				key := strings.Split(m.Subject, ".")[3]
				asked = append(asked, key)
				_ = m.Respond([]byte(texts[key]))
				_ = m.Respond([]byte("too late"))
			})
			must(t, err)
			must(t, admin.FlushTimeout(patience))
			for range 2 {
				_, err = open(t, b.ClientURL(), known.member(nil))
				must(t, err)
			}
			refused(empty)
			refused(forged)
			must(t, admin.Drain())
			eventually(t, func() string {
				if !admin.IsClosed() {
					return "the answers are not over"
				}
				return ""
			})
			equal(t, "asked for", []string{known.pub, empty.pub, forged.pub}, asked)
			got, err := os.ReadFile(filepath.Join(dir, known.pub+".jwt"))
			must(t, err)
			equal(t, "kept", texts[known.pub], string(got))
			if _, err := os.Stat(filepath.Join(dir, forged.pub+".jwt")); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("what was forged is kept: %v", err)
			}
		})
	}
}

// TestClaimsSlowExporter: who waits for the exporter of an exporter holds up nobody
// else.
func TestClaimsSlowExporter(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	shop, friend, other := r.account("shop"), r.account("friend"), r.account("other")
	importing := func(from string) *jwt.Import {
		return &jwt.Import{Account: from, Subject: "e", Type: jwt.Stream}
	}
	nowhere := newKey(t, nkeys.CreateAccount).pub
	shop.claims.Imports.Add(importing(nowhere))
	shop.claims.Exports.Add(&jwt.Export{Name: "e", Subject: "e", Type: jwt.Stream})
	friend.claims.Imports.Add(importing(shop.pub))
	r.conf = "authorization { timeout: 60 }\n"
	b := servertest.Start(t, r.as("full", "timeout: 50s"))
	admin := r.admin(b.ClientURL())
	questions := make(chan *nats.Msg, 8)
	_, err := admin.ChanSubscribe("$SYS.REQ.ACCOUNT."+nowhere+".CLAIMS.LOOKUP", questions)
	must(t, err)
	must(t, admin.FlushTimeout(patience))
	done := make(chan error, 1)
	go func() {
		nc, err := nats.Connect(b.ClientURL(), friend.member(nil), nats.Timeout(patience))
		if err == nil {
			nc.Close()
		}
		done <- err
	}()
	question := <-questions
	nc, err := open(t, b.ClientURL(), other.member(nil))
	must(t, err)
	must(t, nc.FlushTimeout(patience))
	must(t, question.Respond(nil))
	must(t, <-done)
}

// TestClaimsShutdown: a server that stops does not wait for an answer.
func TestClaimsShutdown(t *testing.T) {
	t.Parallel()
	r := newRealm(t)
	b := servertest.Start(t, r.as("full", "timeout: 50s"))
	admin := r.admin(b.ClientURL())
	questions := make(chan *nats.Msg, 8)
	_, err := admin.ChanSubscribe("$SYS.REQ.ACCOUNT.*.CLAIMS.LOOKUP", questions)
	must(t, err)
	must(t, admin.FlushTimeout(patience))
	stranger := r.account("stranger").member(nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if nc, err := nats.Connect(b.ClientURL(), stranger); err == nil {
			nc.Close()
			t.Error("a stranger was let in")
		}
	}()
	<-questions
	begin := time.Now()
	b.Shutdown()
	if took := time.Since(begin); took > patience {
		t.Errorf("it took %v", took)
	}
	<-done
}
