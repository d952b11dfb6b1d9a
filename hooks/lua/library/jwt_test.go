package library

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"moonwire/hooks/lua/sandbox"
)

// jwtSigner is a key of an issuer.
type jwtSigner struct {
	alg     jose.SignatureAlgorithm
	private any
	public  any
}

// jwtSigners are keys for all algorithms.
var jwtSigners = sync.OnceValue(func() map[string]jwtSigner {
	all := make(map[string]jwtSigner)
	rsaKey := must(rsa.GenerateKey(rand.Reader, 2048))
	for _, alg := range []jose.SignatureAlgorithm{jose.RS256, jose.RS384, jose.RS512, jose.PS256, jose.PS384, jose.PS512} {
		all[string(alg)] = jwtSigner{alg, rsaKey, &rsaKey.PublicKey}
	}
	for alg, curve := range map[jose.SignatureAlgorithm]elliptic.Curve{jose.ES256: elliptic.P256(), jose.ES384: elliptic.P384(), jose.ES512: elliptic.P521()} {
		k := must(ecdsa.GenerateKey(curve, rand.Reader))
		all[string(alg)] = jwtSigner{alg, k, &k.PublicKey}
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	must(ed, err)
	all["EdDSA"] = jwtSigner{jose.EdDSA, ed, ed.Public()}
	for alg, size := range map[jose.SignatureAlgorithm]int{jose.HS256: 32, jose.HS384: 48, jose.HS512: 64} {
		k := []byte(strings.Repeat("secret! ", size/8))
		all[string(alg)] = jwtSigner{alg, k, k}
	}
	return all
})

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// sign makes a token with the headers that are given.
func (s jwtSigner) sign(t testing.TB, claims string, headers ...any) string {
	t.Helper()
	o := &jose.SignerOptions{}
	for i := 0; i+1 < len(headers); i += 2 {
		o.WithHeader(jose.HeaderKey(headers[i].(string)), headers[i+1])
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: s.alg, Key: s.private}, o)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign([]byte(claims))
	if err != nil {
		t.Fatal(err)
	}
	return must(signed.CompactSerialize())
}

// jwk is the public key as a JWK.
func (s jwtSigner) jwk(id, alg, use string) string {
	return string(must(jose.JSONWebKey{Key: s.public, KeyID: id, Algorithm: alg, Use: use}.MarshalJSON()))
}

func (s jwtSigner) pem() string {
	der := must(x509.MarshalPKIXPublicKey(s.public))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func jwks(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

// unsigned makes a token of a header and claims, with a signature as it is given.
func unsigned(header, claims, signature string) string {
	b64 := base64.RawURLEncoding.EncodeToString
	return b64([]byte(header)) + "." + b64([]byte(claims)) + "." + signature
}

// verifyScript calls jwt.verify with a token and options, which are Lua; the
// global k of the options is the text of the keys.
func jwtVerify(t testing.TB, token, options, k string) string {
	t.Helper()
	s := newPure(t, pureShow+`hook(function(token, k)
		local claims, err = jwt.verify(token, `+options+`)
		if claims then return json.encode(claims) end
		return err
	end)`)
	v, err := s.vm.Call(s.fn, unhurried, sandbox.String(token), sandbox.String(k))
	if err != nil {
		t.Fatal(err)
	}
	if s.outside == 0 {
		t.Error("the answer depends on the time")
	}
	got, _ := v.Text()
	return got
}

// jwtAlice are claims that are good at pureNoon.
var jwtAlice = fmt.Sprintf(`{"exp":%d,"sub":"alice"}`, pureNoon.Unix()+60)

// TestJWTVectors checks what RFC 7515 and RFC 8037 show.
func TestJWTVectors(t *testing.T) {
	t.Parallel()
	const (
		claims = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
		joe    = `{"exp":1300819380,"http://example.com/is_root":true,"iss":"joe"}`
	)
	for _, tt := range []struct{ name, token, key, want string }{
		{
			"RFC 7515 A.1", "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + claims + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
			`{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}`, joe,
		},
		{
			"RFC 7515 A.2", "eyJhbGciOiJSUzI1NiJ9." + claims + ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw",
			`{"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"}`, joe,
		},
		{
			"RFC 7515 A.3", "eyJhbGciOiJFUzI1NiJ9." + claims + ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
			`{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}`, joe,
		},
		{
			"RFC 7515 A.5", "eyJhbGciOiJub25lIn0." + claims + ".", `{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T"}`,
			`the token is signed by the algorithm "none", which is not accepted`,
		},
		{
			"RFC 8037 A.4, whose payload is a text", "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
			`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`,
			"the claims of the token: a value is expected at byte 1, not 'E'",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newPureAt(t, time.Unix(1300819379, 0), `hook(function(token, keys)
				local claims, err = jwt.verify(token, { keys = keys })
				return claims and json.encode(claims) or err
			end)`)
			if got, _ := s.call(t, sandbox.String(tt.token), sandbox.String(tt.key)).Text(); got != tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

// TestJWTAlgorithms: each is checked with its own kind of key, in all forms, and
// with no other.
func TestJWTAlgorithms(t *testing.T) {
	t.Parallel()
	for _, name := range jwtNames() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := jwtSigners()[name]
			token := s.sign(t, jwtAlice)
			forms := map[string][2]string{
				"a JWK":            {"{ keys = k }", s.jwk("", "", "")},
				"a JWK set":        {"{ keys = k }", jwks(s.jwk("a", name, "sig"))},
				"a set as a table": {"{ keys = json.decode(k) }", jwks(s.jwk("a", "", ""))},
			}
			if secret, ok := s.public.([]byte); ok {
				forms["a secret"] = [2]string{"{ secret = k }", string(secret)}
			} else {
				forms["PEM"] = [2]string{"{ keys = k }", "\n" + s.pem()}
			}
			for form, f := range forms {
				if got := jwtVerify(t, token, f[0], f[1]); got != jwtAlice {
					t.Errorf("%s: got %s", form, got)
				}
			}
			head, rest, _ := strings.Cut(token, ".")
			claims, signature, _ := strings.Cut(rest, ".")
			changed := strings.Replace(claims, claims[8:10], "AA", 1)
			for what, token := range map[string]string{
				"other claims":      head + "." + changed + "." + signature,
				"another signature": head + "." + claims + "." + "AAAA" + signature[4:],
				"no signature":      head + "." + claims + ".",
				"a short signature": head + "." + claims + "." + base64.RawURLEncoding.EncodeToString(must(base64.RawURLEncoding.DecodeString(signature))[1:]),
				"half of a header":  unsigned(`{"alg":"`+name+`","x":1}`, jwtAlice, signature),
			} {
				if got := jwtVerify(t, token, forms["a JWK"][0], forms["a JWK"][1]); got != "the signature of the token is wrong" {
					t.Errorf("%s: got %s", what, got)
				}
			}
			for other, o := range jwtSigners() {
				got := jwtVerify(t, token, "{ keys = k }", o.jwk("", "", ""))
				_, alike := o.public.(*rsa.PublicKey)
				_, secret := o.public.([]byte)
				_, oneSecret := s.public.([]byte)
				switch {
				case other == name, alike && s.public == o.public:
					if got != jwtAlice {
						t.Errorf("the key for %s: got %s", other, got)
					}
				case secret && oneSecret:
					if !strings.Contains(got, "is wrong") && !strings.Contains(got, "needs") {
						t.Errorf("the key for %s: got %s", other, got)
					}
				default:
					if want := "the token is signed by " + name + ", and no key is for that"; got != want {
						t.Errorf("the key for %s: got %s", other, got)
					}
				}
			}
		})
	}
}

// TestJWTConfusion: who forges a token with what is public does not get in.
func TestJWTConfusion(t *testing.T) {
	t.Parallel()
	s := jwtSigners()["RS256"]
	for _, text := range []string{s.pem(), strings.TrimSpace(s.pem()), jwks(s.jwk("", "", "")), s.jwk("", "", "")} {
		forged := jwtSigner{jose.HS256, []byte(text), nil}.sign(t, jwtAlice)
		if got := jwtVerify(t, forged, "{ keys = k }", text); got != "the token is signed by HS256, and no key is for that" {
			t.Errorf("a public key as a secret: got %s", got)
		}
		// What is public opens nothing where a script gives it as a secret, either.
		want := "bad argument #2 (secret is a key, which may be public: give it as keys)"
		for _, secret := range []string{text, "\n " + text} {
			forged := jwtSigner{jose.HS256, []byte(secret), nil}.sign(t, jwtAlice)
			got := pureText(t, fmt.Sprintf("select(2, pcall(jwt.verify, %q, { secret = s }))", forged), secret)
			if !strings.HasSuffix(got, want) {
				t.Errorf("a public key that is given as a secret: got %s", got)
			}
		}
	}
	for _, text := range []string{"ssh-ed25519 AAAA", "ecdsa-sha2-nistp256 AAAA", "-----BEGIN PUBLIC KEY-----"} {
		if got := pureText(t, "pcall(jwt.verify, 'a.b.c', { secret = s })", text); !strings.HasPrefix(got, "<false> ") {
			t.Errorf("%s as a secret: got %s", text, got)
		}
	}
	own := jwtSigners()["ES256"]
	embedded := own.sign(t, jwtAlice, "jwk", json.RawMessage(own.jwk("", "", "")))
	if got := jwtVerify(t, embedded, "{ keys = k }", jwtSigner{public: otherKey()}.jwk("", "", "")); got != "the signature of the token is wrong" {
		t.Errorf("a key in the token: got %s", got)
	}
	for header, want := range map[string]string{
		`{"alg":"none"}`:                 `the token is signed by the algorithm "none", which is not accepted`,
		`{"alg":"None"}`:                 `the token is signed by the algorithm "None", which is not accepted`,
		`{"alg":"hs256"}`:                `the token is signed by the algorithm "hs256", which is not accepted`,
		`{"alg":""}`:                     `the token is signed by the algorithm "", which is not accepted`,
		`{}`:                             `the token is signed by the algorithm "", which is not accepted`,
		`{"alg":null}`:                   `the token is signed by the algorithm "", which is not accepted`,
		`{"alg":["RS256"]}`:              `the token is signed by the algorithm "", which is not accepted`,
		`{"alg":"RS256","alg":"none"}`:   `the header of the token: the key "alg" is twice in the object at byte 1`,
		`{"alg":"RS256","crit":["exp"]}`: "the header of the token has crit, which asks for more than is done here",
		`{"alg":"RS256","b64":false}`:    "the header of the token has b64, which asks for more than is done here",
		`{"alg":"RS256","kid":7}`:        "the kid of the token is a number, not a string",
		`[]`:                             "the header of the token: it is not a JSON object",
		`{"alg":"RS256"`:                 "the header of the token: ',' or '}' is missing at byte 15: the text ends there",
	} {
		if got := jwtVerify(t, unsigned(header, jwtAlice, "AAAA"), "{ keys = k }", s.pem()); got != want {
			t.Errorf("%s: got %s, want %s", header, got, want)
		}
	}
}

// otherKey is a key that signs nothing.
func otherKey() *ecdsa.PublicKey {
	return &must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).PublicKey
}

func TestJWTForms(t *testing.T) {
	t.Parallel()
	good := jwtSigners()["HS256"].sign(t, jwtAlice)
	secret := string(jwtSigners()["HS256"].private.([]byte))
	for token, want := range map[string]string{
		"":          "there is no token",
		"a":         "the token is not three parts with dots between them",
		"a.b":       "the token is not three parts with dots between them",
		good + ".":  "the token is not three parts with dots between them",
		good + "=":  "the signature of the token is not base64url: illegal base64 data at input byte 43",
		good + "\n": "the signature of the token is not base64url: illegal base64 data at input byte 43",
		" " + good:  "the header of the token is not base64url: illegal base64 data at input byte 0",
		"." + good:  "the token is not three parts with dots between them",
		"..":        "the header of the token: a value is missing at byte 1: the text ends there",
		unsigned(`{"alg":"HS256"}`, jwtAlice, "")[:24] + "*" + ".": "the claims of the token are not base64url: illegal base64 data at input byte 3",
		strings.Repeat("x", 64<<10) + "..":                         "the token has 65538 bytes; at most 65536 are read",
		strings.Repeat(".", 64<<10):                                "the token is not three parts with dots between them",
	} {
		if got := jwtVerify(t, token, "{ secret = k }", secret); got != want {
			t.Errorf("%.40q: got %s, want %s", token, got, want)
		}
	}
	for _, expression := range []string{"jwt.verify(nil, { secret = s })", "jwt.peek(nil)"} {
		if got := pureText(t, expression, secret); got != "<nil> there is no token" {
			t.Errorf("%s: got %s", expression, got)
		}
	}
	if got := pureText(t, "jwt.verify({}, { secret = s })", secret); got != "<nil> the token is a table, not a string" {
		t.Errorf("a table: got %s", got)
	}
	for claims, want := range map[string]string{
		`[]`:                  "the claims of the token: it is not a JSON object",
		`{"exp":1,"exp":9e9}`: `the claims of the token: the key "exp" is twice in the object at byte 1`,
		"{\"sub\":\"\xff\"}":  "the claims of the token: the string at byte 8 is not UTF-8",
	} {
		if got := jwtVerify(t, jwtSigners()["HS256"].sign(t, claims), "{ secret = k }", secret); got != want {
			t.Errorf("%s: got %s, want %s", claims, got, want)
		}
	}
}

func TestJWTClaims(t *testing.T) {
	t.Parallel()
	s := jwtSigners()["HS256"]
	at := func(seconds int64) int64 { return pureNoon.Unix() + seconds }
	exp := func(rest string) string { return fmt.Sprintf(`{"exp":%d%s}`, at(60), rest) }
	const (
		ok    = "" // the claims come back
		other = "the token is for another audience"
	)
	for _, tt := range []struct{ name, claims, options, want string }{
		{"good", exp(""), "", ok},
		{"expired", fmt.Sprintf(`{"exp":%d}`, at(-6)), "", "the token has expired"},
		{"expired just now", fmt.Sprintf(`{"exp":%d}`, at(-5)), "", "the token has expired"},
		{"expired within the leeway", fmt.Sprintf(`{"exp":%d}`, at(-4)), "", ok},
		{"no leeway", fmt.Sprintf(`{"exp":%d}`, at(0)), "leeway = 0", "the token has expired"},
		{"no leeway, in time", fmt.Sprintf(`{"exp":%d.5}`, at(0)), "leeway = 0", ok},
		{"much leeway", fmt.Sprintf(`{"exp":%d}`, at(-100)), "leeway = 101", ok},
		{"no exp", `{}`, "", "the token does not say when it expires"},
		{"no exp, and none is wanted", `{}`, "exp = false", ok},
		{"expired, though none is wanted", fmt.Sprintf(`{"exp":%d}`, at(-6)), "exp = false", "the token has expired"},
		{"exp is a string", fmt.Sprintf(`{"exp":"%d"}`, at(60)), "exp = false", "the claim exp is not a number"},
		{"exp is null", `{"exp":null}`, "exp = false", "the claim exp is not a number"},
		{"a far exp", `{"exp":1e300}`, "", ok},
		{"a negative exp", `{"exp":-1e300}`, "", "the token has expired"},
		{"not yet", exp(fmt.Sprintf(`,"nbf":%d`, at(6))), "", "the token is not valid yet"},
		{"not yet, within the leeway", exp(fmt.Sprintf(`,"nbf":%d`, at(5))), "", ok},
		{"nbf is a string", exp(`,"nbf":"1"`), "", "the claim nbf is not a number"},
		{"young enough", exp(fmt.Sprintf(`,"iat":%d`, at(-64))), "max_age = 60", ok},
		{"too old", exp(fmt.Sprintf(`,"iat":%d`, at(-65))), "max_age = 60", "the token is too old"},
		{"no iat", exp(""), "max_age = 60", "the token does not say when it was issued"},
		{"issued in the future", exp(fmt.Sprintf(`,"iat":%d`, at(6))), "max_age = 60", "the token was issued in the future"},
		{"iat is a string", exp(`,"iat":"1"`), "", "the claim iat is not a number"},
		{"the audience", exp(`,"aud":"nats"`), `audience = "nats"`, ok},
		{"one of the audiences", exp(`,"aud":["x","nats"]`), `audience = { "mqtt", "nats" }`, ok},
		{"another audience", exp(`,"aud":"nat"`), `audience = "nats"`, other},
		{"other audiences", exp(`,"aud":["nat","natss"]`), `audience = { "nats" }`, other},
		{"no audience", exp(""), `audience = "nats"`, "the token does not say whom it is for"},
		{"an empty audience", exp(`,"aud":[]`), `audience = "nats"`, other},
		{"an audience that nobody asked for", exp(`,"aud":"nats"`), "", other},
		{"any audience", exp(`,"aud":"nats"`), "audience = false", ok},
		{"an audience that is a number", exp(`,"aud":7`), `audience = "7"`, "the claim aud is not a string or a list of strings"},
		{"an audience with a number", exp(`,"aud":["nats",7]`), `audience = "nats"`, "the claim aud is not a string or a list of strings"},
		{"an audience that is an object", exp(`,"aud":{"a":"nats"}`), `audience = "nats"`, "the claim aud is not a string or a list of strings"},
		{"an audience that is null", exp(`,"aud":null`), `audience = "nats"`, "the claim aud is not a string or a list of strings"},
		{"the issuer", exp(`,"iss":"a"`), `issuer = "a"`, ok},
		{"one of the issuers", exp(`,"iss":"a"`), `issuer = { "b", "a" }`, ok},
		{"another issuer", exp(`,"iss":"a/"`), `issuer = "a"`, `the token is of the issuer "a/"`},
		{"no issuer", exp(""), `issuer = "a"`, `the token is of the issuer ""`},
		{"no issuer, and one without a name is wanted", exp(""), `issuer = ""`, `the token is of the issuer ""`},
		{"an issuer without a name", exp(`,"iss":""`), `issuer = ""`, ok},
		{"the subject", exp(`,"sub":"alice"`), `subject = "alice"`, ok},
		{"another subject", exp(`,"sub":"mallory"`), `subject = "alice"`, `the token is about "mallory"`},
		{"no subject", exp(""), `subject = "alice"`, `the token is about ""`},
		{"the algorithm", exp(""), `algorithms = { "HS512", "HS256" }`, ok},
		{"another algorithm", exp(""), `algorithms = { "RS256" }`, `the token is signed by the algorithm "HS256", which is not accepted`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := jwtVerify(t, s.sign(t, tt.claims), "{ secret = k, "+tt.options+" }", string(s.private.([]byte)))
			if tt.want == ok && !strings.HasPrefix(got, "{") || tt.want != ok && got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestJWTOptions(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"":                               "bad argument #2 (table expected, got no value)",
		", 7":                            "bad argument #2 (table expected, got number)",
		", {}":                           "bad argument #2 (give either keys or secret)",
		`, { keys = "x", secret = "y" }`: "bad argument #2 (give either keys or secret)",
		`, { key = "x" }`:                `bad argument #2: unknown key "key"; did you mean "keys"?`,
		`, { keys = 7 }`:                 "bad argument #2 (keys is a number, not a string or a table)",
		`, { secret = {} }`:              "bad argument #2 (secret is a table, not a string)",
		`, { secret = "x", algorithms = "none" }`:  `bad argument #2 (unknown algorithm "none")`,
		`, { secret = "x", algorithms = {} }`:      "bad argument #2 (algorithms is not a string or a list of 1 to 32)",
		`, { secret = "x", audience = 7 }`:         "bad argument #2 (audience is not a string or a list of 1 to 32)",
		`, { secret = "x", audience = true }`:      "bad argument #2 (audience is not a string or a list of 1 to 32)",
		`, { secret = "x", issuer = { a = "b" } }`: "bad argument #2 (issuer is not a string or a list of 1 to 32)",
		`, { secret = "x", issuer = { "b", 7 } }`:  "bad argument #2 (issuer is not a string or a list of 1 to 32)",
		`, { secret = "x", subject = "" }`:         "bad argument #2 (subject is empty)",
		`, { secret = "x", leeway = -1 }`:          "bad argument #2 (leeway is -1; it is a number from 0 to 3600)",
		`, { secret = "x", leeway = 0/0 }`:         "bad argument #2 (leeway is NaN; it is a number from 0 to 3600)",
		`, { secret = "x", leeway = "5" }`:         "bad argument #2 (leeway is a string, not a number)",
		`, { secret = "x", max_age = 0 }`:          "bad argument #2 (max_age is 0; it is a number from 1 to 1000000000)",
		`, { secret = "x", exp = 7 }`:              "bad argument #2 (exp is a number, not a boolean)",
	} {
		if got := pureError(t, `jwt.verify("a.b.c"`+options+")"); got != want {
			t.Errorf("%s: got %s, want %s", options, got, want)
		}
	}
}

// TestJWTKeys chooses among keys.
func TestJWTKeys(t *testing.T) {
	t.Parallel()
	s, rs := jwtSigners()["ES256"], jwtSigners()["RS256"]
	other := jwtSigner{public: otherKey()}
	many := make([]string, 9)
	for i := range many {
		many[i] = other.jwk(fmt.Sprint("k", i), "", "")
	}
	small := jwtSigner{public: &must(rsa.GenerateKey(rand.Reader, 1024)).PublicKey}
	const wrongSignature = "the signature of the token is wrong"
	for _, tt := range []struct {
		name    string
		headers []any
		keys    string
		want    string // "" for the claims
	}{
		{"by name", []any{"kid", "a"}, jwks(other.jwk("b", "", ""), s.jwk("a", "", "")), ""},
		{"two of the same name", []any{"kid", "a"}, jwks(other.jwk("a", "", ""), s.jwk("a", "", "")), ""},
		{"a wrong one by name", []any{"kid", "b"}, jwks(other.jwk("b", "", ""), s.jwk("a", "", "")), wrongSignature},
		{"an unknown name", []any{"kid", "c"}, jwks(other.jwk("b", "", ""), s.jwk("a", "", "")), `the token is signed by the key "c", which is not known`},
		{"a name, and a key without one", []any{"kid", "c"}, jwks(other.jwk("b", "", ""), s.jwk("", "", "")), ""},
		{"a name, and a PEM", []any{"kid", "c"}, s.pem(), ""},
		{"no name", nil, jwks(other.jwk("b", "", ""), rs.jwk("c", "", ""), s.jwk("a", "", "")), ""},
		{"no name and many keys", nil, jwks(append(many[:8:8], s.jwk("a", "", ""))...), "the token names no key, and 9 would fit; at most 8 are tried"},
		{"a name and many keys", []any{"kid", "a"}, jwks(append(many[:8:8], s.jwk("a", "", ""))...), ""},
		{"for another algorithm", nil, s.jwk("", "ES384", ""), "the token is signed by ES256, and no key is for that"},
		{"for encryption", []any{"kid", "a"}, jwks(s.jwk("a", "", "enc"), other.jwk("b", "", "")), `the token is signed by the key "a", which is refused: its use is "enc", not sig`},
		{"for other operations", nil, strings.Replace(s.jwk("a", "", ""), "{", `{"key_ops":["deriveKey"],`, 1), `the keys: none is of use: key "a": its key_ops have no verify`},
		{"for verifying", nil, strings.Replace(s.jwk("a", "", ""), "{", `{"key_ops":["verify"],`, 1), ""},
		{"a private key", nil, string(must(jose.JSONWebKey{Key: s.private, KeyID: "a"}.MarshalJSON())), `the keys: none is of use: key "a": it is a private key, which belongs to the issuer alone; give the public one`},
		{"beside what is not understood", nil, jwks(`{"kty":"OKP","crv":"X25519","x":"AAAA"}`, `{"kty":"new"}`, `{}`, `7`, s.jwk("a", "", "")), ""},
		{"a small key", []any{"kid", "a"}, jwks(small.jwk("a", "", ""), s.jwk("b", "", "")), `the token is signed by the key "a", which is refused: it is an RSA key of 1024 bits; 2048 to 4096 are accepted`},
		{"a small key as PEM", nil, small.pem(), `the keys: none is of use: key "": it is an RSA key of 1024 bits; 2048 to 4096 are accepted`},
		{"a point that is not on the curve", nil, `{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"}`, `the keys: none is of use: key "": invalid EC key, X/Y are not on declared curve`},
		{"no keys", nil, jwks(), "the keys: there are none"},
		{"an object", nil, "{}", "the keys: there are none"},
		{"a text", nil, "secret", "the keys: they are neither a JWK set nor PEM; a shared secret is given as secret"},
		{"an empty text", nil, "", "the keys: they are neither a JWK set nor PEM; a shared secret is given as secret"},
		{"no JSON", nil, "{", "the keys: they are no JWK set: unexpected end of JSON input"},
		{"no PEM", nil, "-----BEGIN PUBLIC KEY-----\nx", "the keys: they begin as PEM, but are not PEM to the end"},
		{"half of a PEM", nil, s.pem() + "-----BEGIN", "the keys: they begin as PEM, but are not PEM to the end"},
		{"a private PEM", nil, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(s.private))})), `the keys: none is of use: key "": its PEM is of type "PRIVATE KEY", not PUBLIC KEY or CERTIFICATE`},
		{"several PEMs", nil, other.pem() + rs.pem() + s.pem(), ""},
		{"a certificate", nil, jwtCertificate(s), ""},
		{"too many keys", nil, jwks(strings.Split(strings.Repeat("{} ", 64)+"{}", " ")...), "the keys: there are 65; at most 64 are read"},
		{"too many PEMs", nil, strings.Repeat(other.pem(), 65), "the keys: there are too many; at most 64 are read"},
		{"too much text", nil, strings.Repeat(" ", 256<<10+1), "the keys have 262145 bytes; at most 262144 are read"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := jwtVerify(t, s.sign(t, jwtAlice, tt.headers...), "{ keys = k }", tt.keys)
			want := tt.want
			if want == "" {
				want = jwtAlice
			}
			if got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
	short := jwtVerify(t, jwtSigners()["HS256"].sign(t, jwtAlice), "{ secret = k }", "secret")
	if short != "the secret has 6 bytes; HS256 needs 32 or more" {
		t.Errorf("a short secret: got %s", short)
	}
}

// jwtCertificate is a certificate of a key, as PEM.
func jwtCertificate(s jwtSigner) string {
	der := must(x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: must(rand.Int(rand.Reader, elliptic.P256().Params().N))}, &x509.Certificate{}, s.public, s.private.(crypto.Signer)))
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

// TestJWTKeysKept: keys are parsed once, and a table that changed is others.
func TestJWTKeysKept(t *testing.T) {
	t.Parallel()
	s, other := jwtSigners()["ES256"], jwtSigner{public: otherKey()}
	p := newPure(t, `local keys hook(function(token, right, wrong)
		local out = {}
		keys = keys or json.decode(right)
		for _, k in ipairs{ right, wrong, right } do
			keys.keys = json.decode(k).keys
			out[#out + 1] = tostring(jwt.verify(token, { keys = keys }) ~= nil)
			out[#out + 1] = tostring(jwt.verify(token, { keys = k }) ~= nil)
		end
		return table.concat(out, " ")
	end)`)
	for range 3 {
		got, _ := p.call(t, sandbox.String(s.sign(t, jwtAlice)), sandbox.String(jwks(s.jwk("", "", ""))), sandbox.String(jwks(other.jwk("", "", "")))).Text()
		if want := "true true false false true true"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	l := jwtLib{sets: make(map[string]*jwtKeySet)}
	p = newPure(t, "hook(function() end)")
	for i := range 3 * keptSets {
		text := jwks(s.jwk(fmt.Sprint(i), "", ""))
		f := p.vm.Func(func(a *sandbox.Args) error {
			for range 2 {
				before := l.sets[text]
				after, err := l.keys(a, jwtOptions{keys: sandbox.String(text)})
				if err != nil || before != nil && before != after {
					t.Errorf("parsed again: %v", err)
				}
			}
			return nil
		})
		if _, err := p.vm.Call(f, unhurried); err != nil {
			t.Fatal(err)
		}
		if len(l.sets) > keptSets {
			t.Fatalf("%d sets are kept", len(l.sets))
		}
	}
}

func TestJWTPeek(t *testing.T) {
	t.Parallel()
	for token, want := range map[string]string{
		unsigned(`{"alg":"none","kid":"a"}`, `{"sub":"x"}`, ""): `{"alg":"none","kid":"a"} {"sub":"x"}`,
		unsigned(`{}`, `{}`, "***"):                             `{} {}`,
		unsigned(`{}`, `[]`, ""):                                "<nil> the claims of the token: it is not a JSON object",
		unsigned(`7`, `{}`, ""):                                 "<nil> the header of the token: it is not a JSON object",
		"a.b":                                                   "<nil> the token is not three parts with dots between them",
	} {
		got := pureText(t, `(function()
			local header, claims = jwt.peek(s)
			if not header then return header, claims end
			return json.encode(header), json.encode(claims)
		end)()`, token)
		if got != want {
			t.Errorf("%s: got %s, want %s", token, got, want)
		}
	}
}

func TestJWTHostile(t *testing.T) {
	s := jwtSigners()["ES512"]
	set := jwks(s.jwk("a", "", ""), jwtSigners()["RS256"].jwk("b", "", ""))
	keys := "local k = [==[" + set + "]==] local secret = ('s'):rep(64) "
	keys += `local t = "` + jwtSigners()["HS256"].sign(t, jwtAlice) + `" `
	large := strings.Repeat("x", 64<<10)
	wide := "{" + strings.Repeat(`"":[],`, 8000) + `"":0}`
	hs := jwtSigner{jose.HS256, []byte(strings.Repeat("s", 64)), nil}
	for _, tt := range []struct{ name, source, input string }{
		{"verifying", "while true do jwt.verify(s, { keys = k }) end", s.sign(t, jwtAlice)},
		{"ever new keys", `local i = 0 while true do i = i + 1 jwt.verify(s, { keys = k .. (" "):rep(i) }) end`, s.sign(t, jwtAlice)},
		{"keys as a table", "local t = json.decode(k) while true do jwt.verify(s, { keys = t }) end", "a.b.c"},
		{"large keys", "while true do jwt.verify(s, { keys = '{' .. (' '):rep(262000) .. '}' }) end", s.sign(t, jwtAlice)},
		{"secrets", "while true do jwt.verify(s, { secret = secret, exp = false }) end", hs.sign(t, jwtAlice)},
		{"a large secret", "local secret = s:rep(2^14) while true do jwt.verify(t, { secret = secret }) end", strings.Repeat("s", 64)},
		{"large claims", "while true do jwt.verify(s, { secret = secret }) end", hs.sign(t, `{"a":"`+large[:40000]+`"}`)},
		{"many audiences", "local a = {} for i = 1, 32 do a[i] = 'x' .. i end while true do jwt.verify(s, { secret = secret, exp = false, audience = a }) end", hs.sign(t, `{"aud":["`+strings.Repeat(`x","`, 10000)+`"]}`)},
		{"no token", "while true do jwt.verify(s, { secret = secret }) end", large},
		{"dots", "while true do jwt.peek(s) end", strings.Repeat(".", 64<<10)},
		{"peeking", "while true do jwt.peek(s) end", unsigned("{}", `{"a":[`+strings.Repeat("[],", 9000)+"1]}", "")},
		{"a wide header", "while true do jwt.peek(s) end", unsigned(wide, "{}", "")},
		{"a large option", "local t = {} for i = 1, 60000 do t[i] = 'RS256' end while true do pcall(jwt.verify, s, { keys = k, algorithms = t }) end", "a.b.c"},
	} {
		t.Run(tt.name, func(t *testing.T) { pureHostile(t, keys+tt.source, tt.input) })
	}
}

func BenchmarkJWT(b *testing.B) {
	for _, name := range []string{"HS256", "RS256", "ES256", "ES384", "ES512", "EdDSA"} {
		b.Run(name, func(b *testing.B) {
			s := jwtSigners()[name]
			p := newPure(b, `local keys hook(function(token, k)
				keys = keys or json.decode(k)
				return jwt.verify(token, { keys = keys, audience = "nats" })
			end)`)
			token := s.sign(b, strings.Replace(jwtAlice, "{", `{"aud":"nats","tenant":"acme",`, 1), "kid", "a")
			args := []sandbox.Value{sandbox.String(token), sandbox.String(jwks(s.jwk("a", "", "")))}
			b.ReportAllocs()
			for b.Loop() {
				if v, err := p.vm.Call(p.fn, sandbox.Budget{}, args...); err != nil || v.IsNil() {
					b.Fatal(v, err)
				}
			}
		})
	}
}
