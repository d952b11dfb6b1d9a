package operator

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"

	"moonwire/server/wire"
)

// reference starts nats-server in operator mode with the resolver MEMORY.
func reference(t *testing.T, k *kit, system pair) *server.Server {
	t.Helper()
	op, err := jwt.DecodeOperatorClaims(encode(t, k.opClaims, k.opBy))
	if err != nil {
		t.Fatal(err)
	}
	res := &server.MemAccResolver{}
	if err := res.Store(system.pub, encode(t, jwt.NewAccountClaims(system.pub), k.opSign)); err != nil {
		t.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true,
		TrustedOperators: []*jwt.OperatorClaims{op}, AccountResolver: res, SystemAccount: system.pub,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("the reference does not accept clients")
	}
	return s
}

// peer is a connection to the reference.
type peer struct {
	net.Conn
	r *bufio.Reader
}

// dial connects to the reference and authenticates. It returns nil if it is not
// let in.
func (k *kit) dial(t *testing.T, addr string) *peer {
	t.Helper()
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if err := nc.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	p := &peer{nc, bufio.NewReader(nc)}
	var info struct{ Nonce string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(p.line(t), "INFO ")), &info); err != nil {
		t.Fatal(err)
	}
	c := wire.Connect{JWT: encode(t, k.usrClaims, k.userBy), Sig: k.sig([]byte(info.Nonce))}
	j, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(p, "CONNECT %s\r\nPING\r\n", j)
	for {
		switch line := p.line(t); {
		case line == "PONG":
			return p
		case strings.HasPrefix(line, "-ERR") || line == "":
			nc.Close()
			return nil
		}
	}
}

// line reads a line, "" at the end.
func (p *peer) line(t *testing.T) string {
	t.Helper()
	l, err := p.r.ReadString('\n')
	if ne, ok := err.(net.Error); ok && ne.Timeout() {
		t.Fatal("the reference does not answer")
	}
	return strings.TrimSpace(l)
}

// scramble turns some screws at random.
func (k *kit) scramble(t *testing.T, r *rand.Rand) {
	now := time.Now()
	hour := func() int64 { // mostly none, else past or future
		return []int64{0, 0, 0, now.Add(-time.Hour).Unix(), now.Add(time.Hour).Unix(), now.Add(time.Hour).Unix()}[r.IntN(6)]
	}
	one := func(n int) bool { return r.IntN(n) == 0 }
	k.acctBy = []pair{k.opSign, k.opSign, k.opSign, k.opSign, k.opSign, k.opSign, k.op, operatorKey(t)}[r.IntN(8)]
	if one(3) {
		k.acctClaims.Expires = hour()
	}
	if one(4) {
		k.usrClaims.Expires = hour()
	}
	if one(6) {
		k.usrClaims.NotBefore = hour()
	}
	if one(12) {
		k.acctClaims.NotBefore = hour()
	}
	k.acctClaims.Limits.DisallowBearer = one(3)
	if one(12) {
		k.acctClaims.Limits.Conn = 0
	}
	if one(12) {
		k.acctClaims.Limits.LeafNodeConn = 0
	}
	if one(5) {
		k.acctClaims.RevokeAt([]string{k.usr.pub, jwt.All, k.acct.pub}[r.IntN(3)], now.Add([]time.Duration{-time.Hour, time.Hour}[r.IntN(2)]))
	}
	switch r.IntN(16) {
	case 0, 1, 2, 3, 4, 5:
		k.by(k.sign)
	case 6, 7, 8, 9:
		k.by(k.scoped)
	case 10:
		k.by(accountKey(t))
	case 11:
		k.userBy = []pair{k.sign, accountKey(t)}[r.IntN(2)]
	}
	// What the user may comes from the scope or from its JWT; a scope forbids the
	// latter.
	for _, may := range []*jwt.UserPermissionLimits{&k.scope.Template, &k.usrClaims.UserPermissionLimits} {
		if may == &k.usrClaims.UserPermissionLimits && k.userBy == k.scoped && !one(8) {
			continue
		}
		may.BearerToken = one(5)
		may.ProxyRequired = one(20)
		if one(3) {
			may.AllowedConnectionTypes.Add([]string{"STANDARD", "standard", "WEBSOCKET", "PIGEON", "MQTT"}[r.IntN(5)])
		}
		if one(3) {
			may.AllowedConnectionTypes.Add([]string{"STANDARD", "LEAFNODE", "PIGEON"}[r.IntN(3)])
		}
		if one(4) {
			may.Src.Set([]string{"127.0.0.0/8", "10.0.0.0/8", "::1/128,127.0.0.1/32", "0.0.0.0/0", "nonsense"}[r.IntN(5)])
		}
		if one(4) {
			from := now.UTC().Add(time.Duration(r.IntN(20)-10)*time.Hour + 30*time.Minute)
			may.Times = []jwt.TimeRange{{Start: from.Format(time.TimeOnly), End: from.Add(time.Duration(1+r.IntN(12)) * time.Hour).Format(time.TimeOnly)}}
			may.Locale = []string{"UTC", "America/New_York", "Asia/Kolkata"}[r.IntN(3)]
		}
		for _, list := range []*jwt.StringList{&may.Pub.Allow, &may.Pub.Deny, &may.Sub.Allow, &may.Sub.Deny} {
			if one(6) {
				list.Add([]string{"foo.*", "a.{{name()}}", "b.{{tag(team)}}", "c.{{tag(none)}}", "d.{{nope()}}", "foo..bar", "foo queue"}[r.IntN(7)])
			}
		}
	}
	switch r.IntN(12) {
	case 0:
		k.sig = func([]byte) string { return "" }
	case 1:
		k.sig = func([]byte) string { return "!" }
	case 2:
		other := userKey(t)
		k.sig = func(n []byte) string { return signature(t, other, n) }
	}
}

// TestDifferential: nats-server and we let the same users in.
func TestDifferential(t *testing.T) {
	t.Parallel()
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict %v", strict), func(t *testing.T) {
			t.Parallel()
			seed := rand.Uint64()
			r := rand.New(rand.NewPCG(seed, 1))
			base := newKit(t)
			base.opClaims.StrictSigningKeyUsage = strict
			system := accountKey(t)
			s := reference(t, base, system)
			o := base.options(t)
			o.ResolverPreload, o.SystemAccount = nil, system.pub
			a, _ := open(t, o)
			in, out := 0, 0
			for i := range 200 {
				k := newKit(t)
				k.op, k.opSign = base.op, base.opSign
				k.scramble(t, r)
				if strict && r.IntN(2) == 0 { // by chance few of them get that far
					k.acctBy = k.opSign
					k.by(k.sign)
					k.usrClaims.UserPermissionLimits = jwt.NewUserClaims(k.usr.pub).UserPermissionLimits
				}
				text := encode(t, k.acctClaims, k.acctBy)
				if err := s.AccountResolver().Store(k.acct.pub, text); err != nil {
					t.Fatal(err)
				}
				if err := a.res.store(k.acct.pub, text); err != nil {
					t.Fatal(err)
				}
				_, err := a.Authenticate(k.connect(t))
				want := k.dial(t, s.Addr().String()) != nil
				if (err == nil) != want {
					t.Errorf("seed %d, user %d: got %v; nats-server lets it in: %v\n%v\n%v", seed, i, err, want, k.usrClaims, k.acctClaims)
				}
				if want {
					in++
				} else {
					out++
				}
			}
			if in < 15 || out < 15 {
				t.Errorf("%d in and %d out: the choice is lopsided", in, out)
			}
		})
	}
}

// TestDifferentialTemplates: nats-server and we make the same of templates.
func TestDifferentialTemplates(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 2))
	base := newKit(t)
	system := accountKey(t)
	s := reference(t, base, system)
	parts := []string{
		"foo", "*", "{{name()}}", "{{subject()}}", "{{account-name()}}", "{{account-subject()}}",
		"{{tag(team)}}", "{{ TAG(none) }}", "{{tag(team)}}", "{{account-tag(region)}}", "x{{tag(level)}}y",
	}
	for i := range 40 {
		k := newKit(t)
		k.op, k.opSign = base.op, base.opSign
		k.by(k.scoped)
		k.usrClaims.Tags.Add("team:red", "level:5")
		random := func() string {
			n := 1 + r.IntN(4)
			tokens := make([]string, n)
			for i := range tokens {
				tokens[i] = parts[r.IntN(len(parts))]
			}
			return strings.Join(tokens, ".")
		}
		may := &k.scope.Template
		for range r.IntN(4) {
			may.Pub.Allow.Add(random())
			may.Sub.Allow.Add(random())
		}
		may.Pub.Allow.Add("$SYS.REQ.USER.INFO")
		may.Sub.Allow.Add("answer")
		if r.IntN(3) == 0 {
			may.Pub.Deny.Add("deny." + random())
			may.Sub.Deny.Add("deny." + random())
		}
		text := encode(t, k.acctClaims, k.acctBy)
		if err := s.AccountResolver().Store(k.acct.pub, text); err != nil {
			t.Fatal(err)
		}
		o := base.options(t)
		o.ResolverPreload[0].Account, o.ResolverPreload[0].JWT = k.acct.pub, text
		a, _ := open(t, o)
		id, err := a.Authenticate(k.connect(t))
		p := k.dial(t, s.Addr().String())
		if (err == nil) != (p != nil) {
			t.Errorf("seed %d, user %d: got %v; nats-server lets it in: %v", seed, i, err, p != nil)
		}
		if err != nil || p == nil {
			continue
		}
		got := id.Proof.(*user).may.Permissions
		var answer struct {
			Data struct {
				Permissions struct {
					Publish, Subscribe struct{ Allow, Deny []string }
				}
			}
		}
		fmt.Fprint(p, "SUB answer 1\r\nPUB $SYS.REQ.USER.INFO answer 0\r\n\r\n")
		for line := p.line(t); ; line = p.line(t) {
			if line == "" || strings.HasPrefix(line, "-ERR") {
				t.Fatalf("seed %d: the reference does not tell what the user may: %q", seed, line)
			}
			if strings.HasPrefix(line, "{") {
				if err := json.Unmarshal([]byte(line), &answer); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		want := answer.Data.Permissions
		set := cmp.Options{cmpopts.SortSlices(func(a, b string) bool { return a < b }), cmpopts.EquateEmpty()}
		for _, side := range []struct {
			name      string
			got, want []string
		}{
			{"publish", got.Pub.Allow, want.Publish.Allow},
			{"publish deny", got.Pub.Deny, want.Publish.Deny},
			{"subscribe", got.Sub.Allow, want.Subscribe.Allow},
			{"subscribe deny", got.Sub.Deny, want.Subscribe.Deny},
		} {
			if d := cmp.Diff(unique(side.want), unique(side.got), set); d != "" {
				t.Errorf("seed %d, user %d: %s: %s\n%v", seed, i, side.name, d, may.Permissions)
			}
		}
	}
}

// unique returns list without what is in it twice.
func unique(list []string) (out []string) {
	seen := make(map[string]bool)
	for _, s := range list {
		if !seen[s] {
			seen[s] = true
			out = append(out, s)
		}
	}
	return out
}

// TestDifferentialImports: nats-server and we leave the same imports out.
func TestDifferentialImports(t *testing.T) {
	t.Parallel()
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 3))
	base := newKit(t)
	system := accountKey(t)
	s := reference(t, base, system)
	o := base.options(t)
	o.ResolverPreload, o.SystemAccount = nil, system.pub
	a, _ := open(t, o)
	store := func(k *kit) {
		t.Helper()
		text := encode(t, k.acctClaims, base.opSign)
		if err := s.AccountResolver().Store(k.acct.pub, text); err != nil {
			t.Fatal(err)
		}
		if err := a.res.store(k.acct.pub, text); err != nil {
			t.Fatal(err)
		}
	}
	kept, left := 0, 0
	for range 120 {
		k, x := newKit(t), newKit(t)
		kind := []jwt.ExportType{jwt.Stream, jwt.Service}[r.IntN(2)]
		pick := func(list ...string) jwt.Subject { return jwt.Subject(list[r.IntN(len(list))]) }
		e := &jwt.Export{Subject: pick("orders.>", "orders.*", "orders.eu", "other"), Type: kind, TokenReq: r.IntN(3) > 0}
		if r.IntN(4) == 0 {
			e.RevokeAt([]string{k.acct.pub, jwt.All}[r.IntN(2)], time.Now().Add([]time.Duration{-time.Hour, time.Hour}[r.IntN(2)]))
		}
		x.acctClaims.Exports.Add(e)
		i := &jwt.Import{Account: x.acct.pub, Subject: pick("orders.eu", "orders.eu", "orders.*"), Type: kind}
		if r.IntN(4) > 0 {
			act := jwt.NewActivationClaims(k.acct.pub)
			act.ImportSubject, act.ImportType = "orders.>", kind
			act.Expires = []int64{0, 0, time.Now().Add(time.Hour).Unix(), time.Now().Add(-time.Hour).Unix()}[r.IntN(4)]
			if r.IntN(6) == 0 {
				act.NotBefore = time.Now().Add(time.Hour).Unix()
			}
			by := x.acct
			if r.IntN(2) == 0 {
				act.IssuerAccount = x.acct.pub
				by = []pair{x.sign, x.scoped, accountKey(t)}[r.IntN(3)]
			}
			i.Token = encode(t, act, by)
		}
		k.acctClaims.Imports.Add(i)
		store(k)
		if r.IntN(10) > 0 {
			store(x)
		}
		if _, err := s.LookupAccount(k.acct.pub); err != nil {
			t.Fatal(err)
		}
		z, err := s.Accountz(&server.AccountzOptions{Account: k.acct.pub})
		if err != nil {
			t.Fatal(err)
		}
		want := 0
		for _, i := range z.Account.Imports {
			if i.Account == x.acct.pub && !i.Invalid {
				want++
			}
		}
		got, err := ask(t.Context(), a, k.acct.pub)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Imports) != want {
			t.Errorf("seed %d: got %v; nats-server has %d\nimport %+v\nexport %+v", seed, got.Imports, want, i, e)
		}
		kept += want
		left += 1 - want
	}
	if kept < 15 || left < 15 {
		t.Errorf("%d kept and %d left out: the choice is lopsided", kept, left)
	}
}
