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
