package library

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"

	"moonwire/hooks/lua/sandbox"
)

func nkeyPair(t testing.TB, make func() (nkeys.KeyPair, error)) (key nkeys.KeyPair, public string) {
	t.Helper()
	key, err := make()
	if err != nil {
		t.Fatal(err)
	}
	if public, err = key.PublicKey(); err != nil {
		t.Fatal(err)
	}
	return key, public
}

// TestNkeyVerify gives signatures as clients send them at CONNECT.
func TestNkeyVerify(t *testing.T) {
	t.Parallel()
	user, public := nkeyPair(t, nkeys.CreateUser)
	_, other := nkeyPair(t, nkeys.CreateUser)
	_, account := nkeyPair(t, nkeys.CreateAccount)
	_, curve := nkeyPair(t, nkeys.CreateCurveKeys)
	seed, err := user.Seed()
	if err != nil {
		t.Fatal(err)
	}
	nonce := "PXoWU7zWAMt75FY"
	sig, err := user.Sign([]byte(nonce))
	if err != nil {
		t.Fatal(err)
	}
	url := base64.RawURLEncoding.EncodeToString(sig)
	forged := append([]byte{sig[0] ^ 1}, sig[1:]...)
	const (
		notKey = "<false> the key is not a public key that signs"
		notSig = "<false> the signature is not 64 bytes, nor base64 of them"
		not    = "<false> the signature is not that of the key"
	)
	s := newPure(t, pureShow+"hook(function(...) return show(nkey.verify(...)) end)")
	for _, tt := range []struct{ name, key, data, sig, want string }{
		{"as clients send it", public, nonce, url, "<true>"},
		{"as old clients send it", public, nonce, base64.StdEncoding.EncodeToString(sig), "<true>"},
		{"bytes", public, nonce, string(sig), "<true>"},
		{"another nonce", public, "x", url, not},
		{"another key", other, nonce, url, not},
		{"a key of another kind", account, nonce, url, not},
		{"a forged signature", public, nonce, string(forged), not},
		{"a key that does not sign", curve, nonce, url, notKey},
		{"a seed", string(seed), nonce, url, notKey},
		{"no key", "", nonce, url, notKey},
		{"a wrong checksum", public[:55] + string(public[55]^1), nonce, url, notKey},
		{"a long key", strings.Repeat("U", 1<<20), nonce, url, notKey},
		{"no signature", public, nonce, "", notSig},
		{"a short signature", public, nonce, base64.RawURLEncoding.EncodeToString(sig[:63]), notSig},
		{"a long signature", public, nonce, strings.Repeat("A", 1<<20), notSig},
		{"no base64", public, nonce, strings.Repeat("!", 86), notSig},
	} {
		got, _ := s.call(t, sandbox.String(tt.key), sandbox.String(tt.data), sandbox.String(tt.sig)).Text()
		if got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
	if s.outside > 0 {
		t.Error("a signature depends on its arguments only")
	}
}

func TestNkeyValid(t *testing.T) {
	t.Parallel()
	for kind, create := range map[string]func() (nkeys.KeyPair, error){
		"account": nkeys.CreateAccount, "cluster": nkeys.CreateCluster, "curve": nkeys.CreateCurveKeys,
		"operator": nkeys.CreateOperator, "server": nkeys.CreateServer, "user": nkeys.CreateUser,
	} {
		key, public := nkeyPair(t, create)
		seed, _ := key.Seed()
		want := "<true> <true> " + map[bool]string{true: "<true>", false: "<false>"}[kind == "user"] + " <false>"
		got := pureText(t, `nkey.valid(s), nkey.valid(s, "`+kind+`"), nkey.valid(s, "user"), nkey.valid("`+string(seed)+`")`, public)
		if got != want {
			t.Errorf("%s: got %s, want %s", kind, got, want)
		}
	}
	for expression, want := range map[string]string{
		`nkey.valid()`:         "bad argument #1 (string expected, got no value)",
		`nkey.valid("", "x")`:  `bad argument #2 (unknown kind "x"; known are account, cluster, curve, operator, server, user)`,
		`nkey.verify("", "")`:  "bad argument #3 (string expected, got no value)",
		`nkey.verify("", nil)`: "bad argument #2 (string expected, got nil)",
	} {
		if got := pureError(t, expression); got != want {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

func TestNkeyHostile(t *testing.T) {
	key, public := nkeyPair(t, nkeys.CreateUser)
	data := strings.Repeat("x", 1<<20)
	sig, err := key.Sign([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	verify := `nkey.verify("` + public + `", s, "` + base64.RawURLEncoding.EncodeToString(sig) + `")`
	pureHostile(t, "while true do "+verify+" end", data)
	pureHostile(t, "while true do "+verify+" end", "short")
}
