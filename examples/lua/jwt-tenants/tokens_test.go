// Package jwttenants_test makes the tokens of the example, and checks that they are
// what the tests in Lua take them for.
package jwttenants_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "make new keys and tokens in testdata")

// Times of the tokens, in Unix seconds: they are to hold for as long as anybody
// runs the tests.
const (
	longAgo = 1_600_000_000 // 2020
	farOff  = 4_102_444_800 // 2100
)

type claims map[string]any

// tokens are the tokens in testdata, by name. Those that begin with "forged" are
// signed with a key that is not in jwks.json.
var tokens = map[string]claims{
	"alice":         {"sub": "alice", "tenant": "acme", "role": "reader", "exp": farOff},
	"bob":           {"sub": "bob", "tenant": "acme", "role": "writer", "exp": farOff},
	"carol":         {"sub": "carol", "tenant": "globex", "role": "reader", "exp": farOff},
	"dora":          {"sub": "dora", "tenant": "acme", "role": "service", "exp": farOff},
	"expired":       {"sub": "alice", "tenant": "acme", "role": "reader", "exp": longAgo},
	"endless":       {"sub": "alice", "tenant": "acme", "role": "reader"},
	"elsewhere":     {"sub": "alice", "tenant": "acme", "role": "reader", "exp": farOff, "aud": "billing"},
	"other_issuer":  {"sub": "alice", "tenant": "acme", "role": "reader", "exp": farOff, "iss": "https://example.org"},
	"system":        {"sub": "alice", "tenant": "$SYS", "role": "reader", "exp": farOff},
	"no_tenant":     {"sub": "alice", "role": "reader", "exp": farOff},
	"tenant_list":   {"sub": "alice", "tenant": []string{"acme"}, "role": "reader", "exp": farOff},
	"no_role":       {"sub": "alice", "tenant": "acme", "exp": farOff},
	"no_sub":        {"tenant": "acme", "role": "reader", "exp": farOff},
	"everybody":     {"sub": ">", "tenant": "acme", "role": "reader", "exp": farOff},
	"mail_address":  {"sub": "alice@example.com", "tenant": "acme", "role": "reader", "exp": farOff},
	"forged":        {"sub": "alice", "tenant": "acme", "role": "reader", "exp": farOff},
	"forged_no_kid": {"sub": "alice", "tenant": "acme", "role": "reader", "exp": farOff},
}

// TestTokens checks the signature of each token, or makes them all anew. The
// private keys are thrown away.
func TestTokens(t *testing.T) {
	t.Parallel()
	if *rewrite {
		writeTokens(t)
	}
	key := publicKey(t)
	found, err := filepath.Glob("testdata/*.jwt")
	if err != nil || len(found) != len(tokens) {
		t.Fatalf("there are %d tokens in testdata, %v; want %d: go test ./examples/lua/jwt-tenants -rewrite", len(found), err, len(tokens))
	}
	for name, want := range tokens {
		text, err := os.ReadFile(filepath.Join("testdata", name+".jwt"))
		if err != nil {
			t.Error(err)
			continue
		}
		signed, signature, _ := cutLast(strings.TrimSpace(string(text)))
		sum, err := base64.RawURLEncoding.DecodeString(signature)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if good := ed25519.Verify(key, []byte(signed), sum); good == strings.HasPrefix(name, "forged") {
			t.Errorf("%s: signed by the key in jwks.json: %v", name, good)
		}
		if _, body, _ := strings.Cut(signed, "."); body != want.encode(t) {
			t.Errorf("%s: other claims than in this file", name)
		}
	}
}

func writeTokens(t *testing.T) {
	t.Helper()
	public, private := newKey(t)
	_, other := newKey(t)
	jwks := map[string]any{"keys": []any{map[string]string{
		"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "demo", "x": base64.RawURLEncoding.EncodeToString(public),
	}}}
	text, err := json.MarshalIndent(jwks, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	write(t, "jwks.json", string(text))
	for name, c := range tokens {
		header := `{"alg":"EdDSA","typ":"JWT","kid":"demo"}`
		if name == "forged_no_kid" {
			header = `{"alg":"EdDSA","typ":"JWT"}`
		}
		signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + c.encode(t)
		key := private
		if strings.HasPrefix(name, "forged") {
			key = other
		}
		write(t, name+".jwt", signed+"."+base64.RawURLEncoding.EncodeToString(ed25519.Sign(key, []byte(signed))))
	}
}

// encode returns the claims as the middle part of a token, with the issuer and the
// audience of server.conf unless they say others.
func (c claims) encode(t *testing.T) string {
	t.Helper()
	all := claims{"iss": "https://login.example.com", "aud": "nats"}
	for k, v := range c {
		all[k] = v
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return base64.RawURLEncoding.EncodeToString(text)
}

func cutLast(s string) (before, after string, found bool) {
	i := strings.LastIndexByte(s, '.')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

func publicKey(t *testing.T) ed25519.PublicKey {
	t.Helper()
	text, err := os.ReadFile("testdata/jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	var set struct{ Keys []struct{ X string } }
	if err := json.Unmarshal(text, &set); err != nil || len(set.Keys) != 1 {
		t.Fatalf("jwks.json has %d keys, %v", len(set.Keys), err)
	}
	key, err := base64.RawURLEncoding.DecodeString(set.Keys[0].X)
	if err != nil || len(key) != ed25519.PublicKeySize {
		t.Fatalf("jwks.json: a key of %d bytes, %v", len(key), err)
	}
	return key
}

func newKey(t *testing.T) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join("testdata", name), []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}
