package operator

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"go.uber.org/zap"

	"moonwire/server/auth"
	"moonwire/server/config"
	"moonwire/server/wire"
)

// TestNew: what New takes, and how it names what it does not.
func TestNew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		turn func(t *testing.T, k *kit, o *config.Options)
		err  string // "" is none
	}{
		{name: "all is well"},
		{name: "operator in a file", turn: func(t *testing.T, _ *kit, o *config.Options) {
			file := filepath.Join(t.TempDir(), "op.jwt")
			write(t, file, o.Operators[0]+"\n")
			o.Operators[0] = file
		}},
		{name: "operator in a file with decoration", turn: func(t *testing.T, _ *kit, o *config.Options) {
			text, err := jwt.DecorateJWT(o.Operators[0])
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "op.jwt")
			write(t, file, string(text))
			o.Operators[0] = file
		}},
		{name: "file that does not exist", err: "none.jwt", turn: func(_ *testing.T, _ *kit, o *config.Options) { o.Operators[0] = "none.jwt" }},
		{name: "file with something else", err: "odd.jwt", turn: func(t *testing.T, _ *kit, o *config.Options) {
			o.Operators[0] = filepath.Join(t.TempDir(), "odd.jwt")
			write(t, o.Operators[0], "hello")
		}},
		{name: "account in place of an operator", err: "another kind", turn: func(_ *testing.T, _ *kit, o *config.Options) { o.Operators[0] = o.ResolverPreload[0].JWT }},
		{name: "trusted keys", turn: func(_ *testing.T, k *kit, o *config.Options) { o.Operators, o.TrustedKeys = nil, []string{k.op.pub} }},
		{name: "trusted keys and operators", err: "both", turn: func(_ *testing.T, k *kit, o *config.Options) { o.TrustedKeys = []string{k.op.pub} }},
		{name: "trusted key of an account", err: "trusted_keys", turn: func(_ *testing.T, k *kit, o *config.Options) {
			o.Operators, o.TrustedKeys = nil, []string{k.acct.pub}
		}},
		{name: "no resolver", err: "resolver", turn: func(_ *testing.T, _ *kit, o *config.Options) { o.Resolver.Type = "" }},
		{name: "no resolver, but an operator with a server of NATS", err: "none is set", turn: func(t *testing.T, k *kit, o *config.Options) {
			k.opClaims.AccountServerURL = "nats://localhost:4222"
			o.Operators[0], o.Resolver.Type = encode(t, k.opClaims, k.opBy), ""
		}},
		{name: "resolver that is none", err: `"magic"`, turn: func(_ *testing.T, _ *kit, o *config.Options) { o.Resolver.Type = "magic" }},
		{name: "URL that is none", err: "URL", turn: func(_ *testing.T, _ *kit, o *config.Options) {
			o.Resolver = config.Resolver{Type: "url", URL: "localhost:9090"}
		}},
		{name: "URL with a preload", err: "resolver_preload", turn: func(_ *testing.T, _ *kit, o *config.Options) {
			o.Resolver = config.Resolver{Type: "url", URL: "http://localhost:9090"}
		}},
		{name: "directory without a path", err: "dir", turn: func(_ *testing.T, _ *kit, o *config.Options) { o.Resolver.Type = "full" }},
		{name: "directory that is a file", err: "file", turn: func(t *testing.T, _ *kit, o *config.Options) {
			o.Resolver = config.Resolver{Type: "full", Dir: filepath.Join(t.TempDir(), "file")}
			write(t, o.Resolver.Dir, "")
		}},
		{name: "preload of a user", err: "resolver_preload", turn: func(_ *testing.T, k *kit, o *config.Options) { o.ResolverPreload[0].Account = k.usr.pub }},
		{name: "preload of garbage", err: "resolver_preload", turn: func(_ *testing.T, _ *kit, o *config.Options) { o.ResolverPreload[0].JWT = "garbage" }},
		{name: "system account", turn: func(_ *testing.T, k *kit, o *config.Options) { o.SystemAccount = k.acct.pub }},
		{name: "system account that is none", err: "system_account", turn: func(_ *testing.T, _ *kit, o *config.Options) { o.SystemAccount = "SYS" }},
		{name: "accounts in the configuration", err: "accounts", turn: func(_ *testing.T, _ *kit, o *config.Options) { o.Accounts = []config.Account{{Name: "A"}} }},
		{name: "default sentinel", turn: func(t *testing.T, k *kit, o *config.Options) {
			k.usrClaims.BearerToken = true
			o.DefaultSentinel = encode(t, k.usrClaims, k.userBy)
		}},
		{name: "default sentinel with a scope", turn: func(t *testing.T, k *kit, o *config.Options) {
			k.by(k.scoped)
			o.DefaultSentinel = encode(t, k.usrClaims, k.userBy)
		}},
		{name: "default sentinel that has to sign", err: "default_sentinel", turn: func(t *testing.T, k *kit, o *config.Options) {
			o.DefaultSentinel = encode(t, k.usrClaims, k.userBy)
		}},
		{name: "default sentinel that is none", err: "default_sentinel", turn: func(_ *testing.T, _ *kit, o *config.Options) { o.DefaultSentinel = "garbage" }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k := newKit(t)
			o := k.options(t)
			if tt.turn != nil {
				tt.turn(t, k, o)
			}
			a, err := New(o, zap.NewNop())
			if err == nil {
				defer a.Close()
			}
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v; want %q", err, tt.err)
			}
		})
	}
}

// TestSystemAccount: the configuration names it, or the operator does, and they
// agree.
func TestSystemAccount(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	other := accountKey(t).pub
	for _, tt := range []struct{ conf, operator, want, err string }{
		{"", "", "", ""},
		{"$SYS", "", "", ""},
		{other, "", other, ""},
		{"", k.acct.pub, k.acct.pub, ""},
		{"$SYS", k.acct.pub, k.acct.pub, ""},
		{k.acct.pub, k.acct.pub, k.acct.pub, ""},
		{other, k.acct.pub, "", "system_account"},
	} {
		k.opClaims.SystemAccount = tt.operator
		o := k.options(t)
		o.SystemAccount = tt.conf
		a, err := New(o, zap.NewNop())
		if err != nil {
			if tt.err == "" || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%+v: got %v", tt, err)
			}
			continue
		}
		if got := a.SystemAccount(); got != tt.want || tt.err != "" {
			t.Errorf("%+v: got %q", tt, got)
		}
		a.Close()
	}
}

// TestAccountServer: without a resolver the server that the operator names is
// asked.
func TestAccountServer(t *testing.T) {
	t.Parallel()
	k := newKit(t)
	for _, path := range []string{"/jwt/v1", "/jwt%2Fv1", ""} {
		k.opClaims.AccountServerURL = "https://accounts.example" + path
		o := k.options(t)
		o.Resolver, o.ResolverPreload = config.Resolver{}, nil
		a, _ := open(t, o)
		want := "https://accounts.example" + path + "/accounts/"
		if w, ok := a.res.(*web); !ok || w.shown != want || w.base.String() != want {
			t.Errorf("got %+v; want %s", a.res, want)
		}
	}
}

// TestSecrets: no error and no line of the log has a piece of a JWT or a seed in
// it, whatever part of the claims is wrong.
func TestSecrets(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	k := newKit(t)
	seed, err := k.usr.Seed()
	if err != nil {
		t.Fatal(err)
	}
	a, logs := open(t, k.options(t))
	good := encode(t, k.usrClaims, k.userBy)
	parts := strings.Split(good, ".")
	broken := []string{
		secret, secret + "." + secret + "." + secret, string(seed),
		good[:len(good)-4] + "AAAA", strings.Join([]string{parts[0], "eyJodW50ZXIyIjox", parts[2]}, "."),
		strings.Join([]string{"eyJ0eXAiOiJodW50ZXIyIiwiYWxnIjoiaHVudGVyMiJ9", parts[1], parts[2]}, "."),
	}
	var said []string
	for _, text := range broken {
		_, err := a.Authenticate(&auth.Request{Connect: &wire.Connect{JWT: text}, Nonce: nonce, Time: time.Now()})
		if err == nil {
			t.Fatalf("%q is let in", text)
		}
		said = append(said, err.Error())
		for _, where := range []func(o *config.Options){
			func(o *config.Options) { o.Operators[0] = "eyJ" + text },
			func(o *config.Options) { o.ResolverPreload[0].JWT = text },
			func(o *config.Options) { o.ResolverPreload[0].Account = text },
			func(o *config.Options) { o.DefaultSentinel = text },
			func(o *config.Options) { o.Operators, o.TrustedKeys = nil, []string{text} },
			func(o *config.Options) { o.SystemAccount = text },
			func(o *config.Options) { o.Resolver = config.Resolver{Type: "url", URL: "http://u:" + text + "@[::1"} },
		} {
			o := k.options(t)
			where(o)
			b, err := New(o, zap.NewNop())
			if err == nil {
				b.Close()
				continue
			}
			said = append(said, err.Error())
		}
		if err := put(a, k.acct.pub, text); err == nil {
			t.Errorf("stored %q", text)
		} else {
			said = append(said, err.Error())
		}
		for _, got := range []Answer{a.Update("", text), a.Update(k.acct.pub, text), a.Delete(text)} { // see the log
			if got.Err == nil {
				t.Errorf("%q is taken: %+v", text, got)
			}
		}
	}
	for _, e := range logs.All() {
		said = append(said, fmt.Sprint(e.Message, e.ContextMap()))
	}
	for _, s := range said {
		for _, b := range append(broken, parts[1][:20], string(seed[:12])) {
			if strings.Contains(s, b) {
				t.Errorf("%q shows %q", s, b)
			}
		}
		if strings.Contains(s, secret) {
			t.Errorf("%q shows the secret", s)
		}
	}
}

// FuzzAuthenticate: no JWT brings the authenticator down, and only the right one
// is let in.
func FuzzAuthenticate(f *testing.F) {
	k := newKit(f)
	a, _ := open(f, k.options(f))
	good := k.connect(f)
	text := good.Connect.JWT
	f.Add(text, good.Connect.Sig)
	f.Add(encode(f, k.acctClaims, k.acctBy), "")
	f.Add(encode(f, k.opClaims, k.opBy), good.Connect.Sig)
	stranger := newKit(f)
	f.Add(encode(f, stranger.usrClaims, stranger.userBy), good.Connect.Sig)
	f.Add("eyJ.e30.", "AA==")
	f.Fuzz(func(t *testing.T, text2, sig string) {
		r := *good
		r.Connect = &wire.Connect{JWT: text2, Sig: sig}
		id, err := a.Authenticate(&r)
		if err == nil && id.User != k.usr.pub {
			t.Errorf("let in %+v", id)
		}
		if err != nil && text2 == text && sig == good.Connect.Sig {
			t.Errorf("refused: %v", err)
		}
	})
}

// FuzzAccount: no claims that an operator signed bring the authenticator down.
func FuzzAccount(f *testing.F) {
	k := newKit(f)
	k.acctClaims.Exports.Add(streamOf())
	a, _ := open(f, k.options(f))
	tail := `,"iat":1,"iss":"` + k.op.pub + `","sub":"` + k.acct.pub + `"}`
	f.Add(`{"nats":{"exports":[null],"limits":{"exports":1},"type":"account","version":2}` + tail)
	f.Add(`{"nats":{"imports":[null],"signing_keys":[null,1,{"kind":"user_scope"}],"type":"account","version":2}` + tail)
	f.Add(`{"nats":{"mappings":{"a":null},"trace":{},"type":"account","version":2}` + tail)
	f.Fuzz(func(t *testing.T, claims string) {
		text := sign(t, k.op, claims)
		if err := put(a, k.acct.pub, text); err != nil {
			return
		}
		if _, err := ask(t.Context(), a, k.acct.pub); err != nil {
			t.Errorf("stored, but: %v", err)
		}
		_, _ = a.Authenticate(k.connect(t))
	})
}
