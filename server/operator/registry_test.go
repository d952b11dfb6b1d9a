package operator

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/jwt/v2"
	"go.uber.org/zap"

	"moonwire/server/auth"
	"moonwire/server/config"
)

// resign gives the account another JWT, which was issued no earlier.
func (k *kit) resign(t testing.TB, a *Authenticator) {
	t.Helper()
	if err := put(a, k.acct.pub, encode(t, k.acctClaims, k.acctBy)); err != nil {
		t.Fatal(err)
	}
}

// must lets the user in.
func (k *kit) must(t testing.TB, a *Authenticator) *auth.Identity {
	t.Helper()
	id, err := a.Authenticate(k.connect(t))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// TestRecheck: who is connected has to go, or not, after an update.
func TestRecheck(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		before func(k *kit)
		update func(k *kit)
		err    error // any other one is errAny
	}{
		{name: "nothing of interest", update: func(k *kit) { k.acctClaims.Name = "other" }},
		{name: "revoked", err: ErrRevoked, update: func(k *kit) { k.acctClaims.RevokeAt(k.usr.pub, time.Now().Add(time.Hour)) }},
		{name: "all revoked", err: ErrRevoked, update: func(k *kit) { k.acctClaims.RevokeAt(jwt.All, time.Now().Add(time.Hour)) }},
		{name: "revoked before it was issued", update: func(k *kit) { k.acctClaims.RevokeAt(k.usr.pub, time.Now().Add(-time.Hour)) }},
		{
			name: "bearer no more", err: errAny,
			before: func(k *kit) { k.usrClaims.BearerToken = true },
			update: func(k *kit) { k.acctClaims.Limits.DisallowBearer = true },
		},
		{
			name: "signing key removed", err: errAny,
			before: func(k *kit) { k.by(k.sign) },
			update: func(k *kit) { k.acctClaims.SigningKeys.Remove(k.sign.pub) },
		},
		{
			name: "no subscriptions any more", err: errAny,
			update: func(k *kit) { k.acctClaims.Limits.Subs = 0 },
		},
		{
			name: "no connections any more", err: errAny,
			update: func(k *kit) { k.acctClaims.Limits.Conn = 0 },
		},
		{
			name: "scope changed", err: errAny,
			before: func(k *kit) { k.by(k.scoped) },
			update: func(k *kit) { k.scope.Template.Pub.Allow.Add("foo") },
		},
		{
			name:   "another scope changed",
			before: func(k *kit) { k.by(k.sign) },
			update: func(k *kit) { k.scope.Template.Pub.Allow.Add("foo") },
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			if tt.before != nil {
				tt.before(k)
			}
			a, _ := open(t, k.options(t))
			id := k.must(t, a)
			if same, err := a.Recheck(id); same != id || err != nil {
				t.Fatalf("without an update: %v, %v", same, err)
			}
			tt.update(k)
			k.resign(t, a)
			next, err := a.Recheck(id)
			switch {
			case tt.err == nil && (err != nil || next == id || next.User != id.User || !next.Expires.Equal(id.Expires)):
				t.Errorf("got %+v, %v", next, err)
			case tt.err == errAny && err == nil || tt.err != nil && tt.err != errAny && !errors.Is(err, tt.err):
				t.Errorf("got %v; want %v", err, tt.err)
			}
			// And whoever comes anew is decided about in the same way.
			if _, err := a.Authenticate(k.connect(t)); (err == nil) != (tt.err == nil || tt.name == "scope changed") {
				t.Errorf("anew: %v", err)
			}
		})
	}
}

var errAny = errors.New("any error")

// TestRecheckLimits: limits and default permissions follow the account.
func TestRecheckLimits(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	a, _ := open(t, k.options(t))
	id := k.must(t, a)
	k.acctClaims.Limits.Subs = 3
	k.acctClaims.DefaultPermissions.Pub.Allow.Add("foo")
	k.resign(t, a)
	next, err := a.Recheck(id)
	if err != nil || next.Limits.MaxSubscriptions != 3 || next.Permissions == nil || id.Permissions != nil {
		t.Errorf("got %+v, %v", next, err)
	}
	if _, err := a.Recheck(&auth.Identity{User: "u"}); err == nil {
		t.Error("an identity of another authenticator is rechecked")
	}
}

// TestExpiry: accounts and activations that expire are told of, at their time.
func TestExpiry(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		k, x := newKit(t), newKit(t)
		x.op, x.opBy, x.acctBy = k.op, k.opBy, k.acctBy
		start := time.Now()
		x.acctClaims.Exports.Add(&jwt.Export{Subject: "orders.>", Type: jwt.Stream, TokenReq: true})
		x.acctClaims.Expires = start.Add(3 * time.Hour).Unix()
		act := jwt.NewActivationClaims(k.acct.pub)
		act.ImportSubject, act.ImportType = "orders.>", jwt.Stream
		act.Expires = start.Add(time.Hour).Unix()
		k.acctClaims.Imports.Add(&jwt.Import{Account: x.acct.pub, Subject: "orders.eu", Type: jwt.Stream, Token: encode(t, act, x.acct)})
		k.acctClaims.Expires = start.Add(5 * time.Hour).Unix()
		o := k.options(t)
		o.ResolverPreload = append(o.ResolverPreload, x.options(t).ResolverPreload...)
		a, err := New(o, zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		type event struct {
			key string
			at  time.Duration
		}
		var got []event
		a.OnUpdate(func(key string) { got = append(got, event{key, time.Since(start)}) })

		id := k.must(t, a)
		imports := func() int {
			acct, err := ask(t.Context(), a, k.acct.pub)
			if err != nil {
				t.Fatal(err)
			}
			return len(acct.Imports)
		}
		if n := imports(); n != 1 {
			t.Fatalf("%d imports while the activation is valid", n)
		}
		time.Sleep(time.Hour) // of the bubble
		synctest.Wait()
		if n := imports(); n != 0 {
			t.Errorf("%d imports after the activation expired", n)
		}
		time.Sleep(5 * time.Hour)
		synctest.Wait()
		want := []event{{k.acct.pub, time.Hour}}
		both := []event{{k.acct.pub, 3 * time.Hour}, {x.acct.pub, 3 * time.Hour}}
		slices.SortFunc(both, func(a, b event) int { return strings.Compare(a.key, b.key) })
		want = append(append(want, both...), event{k.acct.pub, 5 * time.Hour})
		if d := cmp.Diff(want, got, cmp.AllowUnexported(event{})); d != "" {
			t.Error(d)
		}
		if _, err := a.Recheck(id); !errors.Is(err, ErrAccountExpired) {
			t.Errorf("recheck: %v", err)
		}
		k.request.Time = time.Now()
		if _, err := a.Authenticate(k.connect(t)); !errors.Is(err, ErrAccountExpired) {
			t.Errorf("anew: %v", err)
		}
		// A new JWT brings it back.
		k.acctClaims.Expires = 0
		k.resign(t, a)
		time.Sleep(again)
		k.must(t, a)
	})
}

// TestUserExpires: a user that is kept is refused once it expired.
func TestUserExpires(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.usrClaims.Expires = time.Now().Add(time.Hour).Unix()
	a, _ := open(t, k.options(t))
	k.must(t, a)
	r := k.connect(t)
	r.Time = time.Now().Add(2 * time.Hour)
	if _, err := a.Authenticate(r); !errors.Is(err, ErrExpired) {
		t.Errorf("got %v", err)
	}
}

// TestAccount: the claims of an account as settings.
func TestAccount(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.acctClaims.Exports.Add(
		&jwt.Export{Subject: "a.*", Type: jwt.Service, ResponseType: jwt.ResponseTypeChunked, ResponseThreshold: time.Second, AccountTokenPosition: 2, AllowTrace: true, Latency: &jwt.ServiceLatency{Sampling: 50, Results: "lat"}},
		&jwt.Export{Subject: "b.>", Type: jwt.Stream},
	)
	k.acctClaims.AddMapping("x", jwt.WeightedMapping{Subject: "y"}, jwt.WeightedMapping{Subject: "z", Weight: 20, Cluster: "c"})
	k.acctClaims.DefaultPermissions = jwt.Permissions{
		Pub:  jwt.Permission{Allow: jwt.StringList{"p"}},
		Sub:  jwt.Permission{Deny: jwt.StringList{"d q"}},
		Resp: &jwt.ResponsePermission{MaxMsgs: 3, Expires: time.Minute},
	}
	k.acctClaims.Limits.Conn, k.acctClaims.Limits.LeafNodeConn = 5, 6
	k.acctClaims.Limits.Subs, k.acctClaims.Limits.Payload = 7, 8
	a, _ := open(t, k.options(t))
	got, err := ask(t.Context(), a, k.acct.pub)
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Account{
		Name: k.acct.pub, Nkey: k.acct.pub,
		DefaultPermissions: &config.Permissions{
			Publish:   config.Rules{Allow: []string{"p"}},
			Subscribe: config.Rules{Deny: []string{"d q"}},
			Responses: &config.Responses{Max: 3, Expires: time.Minute},
		},
		Exports: []config.Export{
			{Service: true, Subject: "a.*", TokenPosition: 2, ResponseType: "chunked", ResponseThreshold: time.Second, Latency: &config.Latency{Sampling: 50, Subject: "lat"}, AllowTrace: true},
			{Subject: "b.>"},
		},
		Mappings: []config.Mapping{{Source: "x", Destinations: []config.Destination{{Subject: "y", Weight: 100}, {Subject: "z", Weight: 20, Cluster: "c"}}}},
		Limits:   config.AccountLimits{MaxConnections: 5, MaxLeafnodes: 6, MaxSubscriptions: 7, MaxPayload: 8},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if _, err := ask(t.Context(), a, accountKey(t).pub); !errors.Is(err, ErrNoAccount) {
		t.Errorf("unknown: %v", err)
	}
	if _, err := ask(t.Context(), a, "$G"); !errors.Is(err, ErrNoAccount) {
		t.Errorf("no key: %v", err)
	}
}

// TestImports: an import that its exporter does not allow is left out, and the
// log names both.
func TestImports(t *testing.T) {
	t.Parallel()
	past, later := time.Now().Add(-time.Hour).Unix(), time.Now().Add(time.Hour).Unix()
	type args struct {
		k, x *kit // importer, exporter
		act  *jwt.ActivationClaims
		by   *pair
		i    *jwt.Import
		e    *jwt.Export
	}
	for _, tt := range []struct {
		name string
		turn func(t *testing.T, a *args)
		err  string
		want config.Import
	}{
		{name: "token", want: config.Import{Subject: "orders.eu"}},
		{name: "no token", err: "asks for an activation", turn: func(_ *testing.T, a *args) { a.act = nil }},
		{name: "no token needed", want: config.Import{Subject: "orders.eu"}, turn: func(_ *testing.T, a *args) { a.act, a.e.TokenReq = nil, false }},
		{name: "no export", err: "no export", turn: func(_ *testing.T, a *args) { a.e.Subject = "other" }},
		{name: "export of another kind", err: "no export", turn: func(_ *testing.T, a *args) { a.e.Type = jwt.Service }},
		{name: "import is wider than the export", err: "no export", turn: func(_ *testing.T, a *args) {
			a.i.Subject, a.act.ImportSubject, a.e.Subject = "orders.>", "orders.>", "orders.*"
		}},
		{name: "token expired", err: "expired", turn: func(_ *testing.T, a *args) { a.act.Expires = past }},
		{name: "token expires", want: config.Import{Subject: "orders.eu"}, turn: func(_ *testing.T, a *args) { a.act.Expires = later }},
		{name: "token not yet valid", err: "before", turn: func(_ *testing.T, a *args) { a.act.NotBefore = later }},
		{name: "token revoked", err: "revoked", turn: func(_ *testing.T, a *args) { a.e.RevokeAt(a.k.acct.pub, time.Unix(later, 0)) }},
		{name: "all tokens revoked", err: "revoked", turn: func(_ *testing.T, a *args) { a.e.RevokeAt(jwt.All, time.Unix(later, 0)) }},
		{name: "token revoked before it was issued", want: config.Import{Subject: "orders.eu"}, turn: func(_ *testing.T, a *args) { a.e.RevokeAt(jwt.All, time.Unix(past, 0)) }},
		{name: "token by a signing key", want: config.Import{Subject: "orders.eu"}, turn: func(_ *testing.T, a *args) {
			a.act.IssuerAccount, a.by = a.x.acct.pub, &a.x.sign
		}},
		{name: "token by a stranger", err: "no key of the exporter", turn: func(t *testing.T, a *args) {
			stranger := accountKey(t)
			a.act.IssuerAccount, a.by = a.x.acct.pub, &stranger
		}},
		{name: "exporter does not exist", err: "no such account", turn: func(t *testing.T, a *args) {
			a.x.acct = accountKey(t)
			a.i.Account, a.by = a.x.acct.pub, &a.x.acct
			a.x.acctClaims = nil
		}},
		{name: "stream under another name", want: config.Import{Subject: "orders.eu", To: "mine"}, turn: func(_ *testing.T, a *args) { a.i.LocalSubject = "mine" }},
		{name: "stream under a prefix", want: config.Import{Subject: "orders.eu", Prefix: "mine"}, turn: func(_ *testing.T, a *args) { old(a.i, "mine") }},
		{name: "service", want: config.Import{Service: true, Subject: "orders.eu", To: "mine", Share: true}, turn: func(_ *testing.T, a *args) {
			a.e.Type, a.i.Type, a.act.ImportType = jwt.Service, jwt.Service, jwt.Service
			a.i.LocalSubject, a.i.Share = "mine", true
		}},
		{name: "service, the old way", want: config.Import{Service: true, Subject: "orders.eu", To: "mine"}, turn: func(_ *testing.T, a *args) {
			a.e.Type, a.i.Type, a.act.ImportType = jwt.Service, jwt.Service, jwt.Service
			a.i.Subject = "mine"
			old(a.i, "orders.eu")
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, x := newKit(t), newKit(t)
			x.acctBy = k.acctBy
			c := &args{
				k: k, x: x, by: &x.acct,
				act: jwt.NewActivationClaims(k.acct.pub),
				i:   &jwt.Import{Account: x.acct.pub, Subject: "orders.eu", Type: jwt.Stream},
				e:   &jwt.Export{Subject: "orders.>", Type: jwt.Stream, TokenReq: true},
			}
			c.act.ImportSubject, c.act.ImportType = "orders.*", jwt.Stream
			if tt.turn != nil {
				tt.turn(t, c)
			}
			if c.act != nil {
				c.i.Token = encode(t, c.act, *c.by)
			}
			k.acctClaims.Imports.Add(c.i)
			o := k.options(t)
			if x.acctClaims != nil {
				x.acctClaims.Exports.Add(c.e)
				o.ResolverPreload = append(o.ResolverPreload, config.AccountJWT{Account: x.acct.pub, JWT: encode(t, x.acctClaims, x.acctBy)})
			}
			a, logs := open(t, o)
			got, err := ask(t.Context(), a, k.acct.pub)
			if err != nil {
				t.Fatal(err)
			}
			if tt.err == "" {
				tt.want.Account = x.acct.pub
				if d := cmp.Diff([]config.Import{tt.want}, got.Imports); d != "" {
					t.Error(d, logs.All())
				}
				return
			}
			if len(got.Imports) > 0 || logs.Len() != 1 {
				t.Fatalf("got %+v, %v", got.Imports, logs.All())
			}
			if f := logs.All()[0].ContextMap(); f["account"] != k.acct.pub || f["exporter"] != x.acct.pub || !strings.Contains(f["error"].(string), tt.err) {
				t.Errorf("the log says %v; want %q", f, tt.err)
			}
		})
	}
}

// TestUpdateOfExporter: the importer hears of an exporter that appears, and of
// one that changes.
func TestUpdateOfExporter(t *testing.T) {
	t.Parallel()
	k, x := newKit(t), newKit(t)
	x.acctBy = k.acctBy
	k.acctClaims.Imports.Add(&jwt.Import{Account: x.acct.pub, Subject: "orders", Type: jwt.Stream})
	a, _ := open(t, k.options(t))
	heard := make(chan string, 16)
	a.OnUpdate(func(key string) { heard <- key })
	count := func() int {
		acct, err := ask(t.Context(), a, k.acct.pub)
		if err != nil {
			t.Fatal(err)
		}
		return len(acct.Imports)
	}
	if count() != 0 {
		t.Error("an import of an unknown account")
	}
	for _, want := range []int{0, 1, 0} { // appears, exports, exports no more
		x.acctClaims.Exports = nil
		if want == 1 {
			x.acctClaims.Exports.Add(&jwt.Export{Subject: "orders", Type: jwt.Stream})
		}
		x.resign(t, a)
		until(t, heard, k.acct.pub)
		if got := count(); got != want {
			t.Errorf("%d imports; want %d", got, want)
		}
	}
}

// TestImportFromNoKey: an import may name anything as its account; what is no key
// is never looked up, neither as a file nor as a URL.
func TestImportFromNoKey(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"x", "../../x", "$SYS"} {
		k := newKit(t)
		k.acctClaims.Imports.Add(streamFrom(name))
		path := t.TempDir()
		write(t, filepath.Join(path, k.acct.pub+".jwt"), encode(t, k.acctClaims, k.acctBy))
		a, logs := open(t, k.in(t, "full", path))
		for range 2 { // as it is, and as it is read again
			if got, err := ask(t.Context(), a, k.acct.pub); err != nil || len(got.Imports) > 0 {
				t.Errorf("%q: got %v, %v", name, got, err)
			}
			a.Reload()
		}
		if n := logs.FilterMessage("account is not there").Len(); n > 0 || logs.FilterMessage("import is left out").Len() != 2 {
			t.Errorf("%q: the log says %v", name, logs.All())
		}
	}
}

// until waits for a key.
func until(t testing.TB, heard <-chan string, key string) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case got := <-heard:
			if got == key {
				return
			}
		case <-late:
			t.Fatalf("nobody heard of %s", key)
		}
	}
}

// TestKept: a user that comes back is not decoded again; the users that were not
// seen for long are forgotten.
func TestKept(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	a, _ := open(t, k.options(t))
	r := k.connect(t)
	first, err := a.Authenticate(r)
	if err != nil {
		t.Fatal(err)
	}
	second, err := a.Authenticate(r)
	if err != nil || first.Proof != second.Proof {
		t.Errorf("got another user: %v", err)
	}
	k.acctClaims.Limits.Subs = 3
	k.resign(t, a)
	third, err := a.Authenticate(r)
	if err != nil || third.Proof == second.Proof || third.Limits.MaxSubscriptions != 3 {
		t.Errorf("got %+v, %v, as before the update", third, err)
	}

	l := newRecent(20)
	users := [3]*user{{}, {}, {}}
	for i, u := range users[:2] {
		l.put(hash{byte(i)}, u, 10)
		l.put(hash{byte(i)}, u, 9) // the same, which costs something else now
	}
	l.get(hash{0})
	l.put(hash{2}, users[2], 10)
	if l.get(hash{0}) != users[0] || l.get(hash{1}) != nil || l.get(hash{2}) != users[2] {
		t.Error("the wrong one is forgotten")
	}
	l.drop(hash{0})
	l.drop(hash{0})
	if l.get(hash{0}) != nil || l.order.Len() != 1 || l.room != 10 {
		t.Error("it is not dropped")
	}
	l.put(hash{1}, users[1], 21)
	if l.order.Len() != 0 || len(l.index) != 0 || l.room != 20 {
		t.Error("one without room is kept")
	}
}

// TestKeptCost: users whose permissions are long, as a template makes them, take
// the room of many.
func TestKeptCost(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	k.by(k.scoped)
	k.scope.Template.Pub.Allow.Add("{{tag(a)}}.{{tag(b)}}")
	for i := range 16 {
		k.usrClaims.Tags.Add(fmt.Sprintf("a:%d", i), fmt.Sprintf("b:%d", i))
	}
	const each, room = 16 * 16 * subjectCost, 3
	a, _ := open(t, k.options(t))
	a.users = newRecent(room*each + each/2)
	for range room + 2 {
		k.usr = userKey(t)
		k.usrClaims.Subject = k.usr.pub
		k.must(t, a)
	}
	if n := len(a.users.index); n == 0 || n > room {
		t.Errorf("%d are kept where there is room for %d", n, room)
	}
}

// TestRefusedIsNotKept: who is refused takes no room among those who are let in.
func TestRefusedIsNotKept(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	a, _ := open(t, k.options(t))
	stranger := newKit(t)
	for range 3 {
		if _, err := a.Authenticate(stranger.connect(t)); err == nil {
			t.Fatal("let in")
		}
	}
	if n := len(a.users.index); n != 0 {
		t.Errorf("%d are kept", n)
	}
	for range failuresKept + 10 {
		a.begin(accountKey(t).pub, time.Now())
	}
	a.Close()
	if n := len(a.failed); n > failuresKept {
		t.Errorf("%d failures are kept", n)
	}
}

// TestClosed: nothing works after Close, and nothing hangs.
func TestClosed(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	a, err := New(k.options(t), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	k.must(t, a)
	a.Close()
	a.Close()
	if _, err := a.Authenticate(k.connect(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("authenticate: %v", err)
	}
	if _, err := ask(context.Background(), a, k.acct.pub); !errors.Is(err, ErrClosed) {
		t.Errorf("account: %v", err)
	}
	if got := a.Update("", encode(t, k.acctClaims, k.acctBy)); !errors.Is(got.Err, ErrClosed) {
		t.Errorf("update: %v", got)
	}
	a.Reload()
}

// TestConcurrent: many at once, with updates between.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	a, _ := open(t, k.options(t))
	heard := make(chan struct{}, 1)
	a.OnUpdate(func(key string) {
		select {
		case heard <- struct{}{}:
		default:
		}
		if _, err := ask(context.Background(), a, key); err != nil && !errors.Is(err, ErrClosed) {
			t.Errorf("account: %v", err)
		}
	})
	k.must(t, a) // an account that nobody asked for is nobody's business
	r := k.connect(t)
	done := make(chan struct{})
	for range 4 {
		go func() {
			defer func() { done <- struct{}{} }()
			for range 50 {
				id, err := a.Authenticate(r)
				if err == nil {
					_, err = a.Recheck(id)
				}
				if err != nil {
					t.Errorf("got %v", err)
				}
			}
		}()
	}
	for i := range 20 {
		k.acctClaims.Limits.Subs = int64(i + 1)
		k.resign(t, a)
	}
	for range 4 {
		<-done
	}
	if id := k.must(t, a); id.Limits.MaxSubscriptions != 20 {
		t.Errorf("got %+v", id.Limits)
	}
	<-heard
	a.Close()
}

// BenchmarkAuthenticate is what it costs when a user comes back.
func BenchmarkAuthenticate(b *testing.B) {
	k := newKit(b)
	a, _ := open(b, k.options(b))
	r := k.connect(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authenticate(r); err != nil {
			b.Fatal(err)
		}
	}
}
