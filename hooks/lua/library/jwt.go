package library

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"moonwire/hooks/lua/sandbox"
)

// What a token may be.
const (
	maxToken  = 64 << 10 // bytes
	maxTrials = 8        // keys that are tried for a token that names none
)

// jwtModule returns the library jwt, which reads the time from now.
func jwtModule(now func() time.Time) *Module {
	m := newJWT(now)
	m.New = func() *Module { return newJWT(now) }
	return m
}

// newJWT makes the library for one VM, which keeps parsed keys.
func newJWT(now func() time.Time) *Module {
	l := &jwtLib{now: now}
	token := Param{Name: "token", Type: "string|nil", Doc: "The token in its compact form, with two dots. Without one, the answer is nil and an error."}
	return &Module{
		Name: "jwt",
		Doc:  "Checks JSON Web Tokens (RFC 7519, RFC 8725): who signed them, whom they are for and until when they hold.",
		Functions: []Function{
			{
				Name: "verify",
				Doc: "Returns the claims of a token, if one of the keys signed it and its claims are as they should be. The key decides which algorithms are right: none is never, and a public key is never taken for a secret. " +
					"A token must expire unless exp is false, and one that is for an audience is refused unless you say that it is yours. The decision is not cached: it depends on the time. " +
					"RSA keys have 2048 to 4096 bits. A token has at most 64 KiB.",
				Params: []Param{token, {Name: "options", Type: "jwt.Options", Doc: "The keys, and what must be so."}},
				Returns: []Param{
					{Name: "claims", Type: "table<string, any>?", Doc: "The claims, as json.decode returns them."},
					{Name: "err", Type: "string?", Doc: "Why the token is refused."},
				},
				Example: `local token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiJhbGljZSIsInRlbmFudCI6ImFjbWUifQ.vWTu8clRk8NZfXtvfL_Zx00raWsOtx8_E7EfT6KOi7Q"
local secret = "a secret of at least 32 bytes ..."
local claims, err = jwt.verify(token, { secret = secret, exp = false })
assert(claims.sub == "alice" and claims.tenant == "acme")
claims, err = jwt.verify(token, { secret = secret })
assert(not claims and err == "the token does not say when it expires")`,
				Do: l.verify,
			},
			{
				Name:   "peek",
				Doc:    "Returns what a token says, whoever made it. Trust none of it: it is for logs, and to choose between keys.",
				Params: []Param{token},
				Returns: []Param{
					{Name: "header", Type: "table<string, any>|nil", Doc: "The header, or nil."},
					{Name: "claims", Type: "table<string, any>|string", Doc: "The claims, or why there are none."},
				},
				Example: `local header, claims = jwt.peek("eyJhbGciOiJub25lIn0.eyJzdWIiOiJtYWxsb3J5In0.")
assert(header.alg == "none" and claims.sub == "mallory")`,
				Do: l.peek,
			},
		},
		Types: []Type{{Name: "jwt.Options", Doc: "What a token must be.", Fields: []Param{
			{Name: "keys", Type: "table|string|nil", Doc: "Public keys: a JWK set or a single JWK, as a table or as JSON, or PEM with one or more public keys or certificates. Where the token names a key (kid), that one must have signed it; one without a name may always."},
			{Name: "secret", Type: "string?", Doc: "What the issuer shares with you, for HS256, HS384 and HS512: at least 32, 48 or 64 bytes. Give it instead of keys."},
			{Name: "algorithms", Type: "string[]?", Doc: "Which algorithms are accepted, of those that fit the keys; all by default. There are " + strings.Join(jwtNames(), ", ") + "."},
			{Name: "audience", Type: "string|string[]|boolean|nil", Doc: "Whom the token must be for: one of these. With false it may be for anybody. By default it must be for nobody in particular."},
			{Name: "issuer", Type: "string|string[]|nil", Doc: "Who must have issued it: one of these. Anybody with a key by default."},
			{Name: "subject", Type: "string?", Doc: "Whom it must be about. Anybody by default."},
			{Name: "leeway", Type: "number?", Doc: "How many seconds clocks may differ, up to 3600; 5 by default."},
			{Name: "exp", Type: "boolean?", Doc: "With false, a token that never expires is accepted. One that has expired never is."},
			{Name: "max_age", Type: "number?", Doc: "How many seconds ago it may have been issued. Then it must say when (iat), and not in the future."},
		}}},
	}
}

// jwtLib is the library in one VM.
type jwtLib struct {
	now     func() time.Time
	decoder jsonDecoder
	encoder jsonEncoder
	sets    map[string]*jwtKeySet // by the text that they were parsed of
}

// jwtToken is a token that was taken apart.
type jwtToken struct {
	header    sandbox.Table
	payload   string // still JSON
	signed    string // the part that the signature is of
	signature string // still base64
}

var errNoToken = errors.New("there is no token")

// parse takes a token apart.
func (l *jwtLib) parse(a *sandbox.Args) (t jwtToken, err error) {
	if a.At(1).IsNil() {
		return t, errNoToken
	}
	s, ok := a.At(1).Text()
	switch {
	case !ok:
		return t, fmt.Errorf("the token is a %s, not a string", a.At(1).Kind())
	case s == "":
		return t, errNoToken
	case len(s) > maxToken:
		return t, fmt.Errorf("the token has %d bytes; at most %d are read", len(s), maxToken)
	}
	head, rest, _ := strings.Cut(s, ".")
	body, signature, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(signature, ".") {
		return t, errors.New("the token is not three parts with dots between them")
	}
	a.Charge(4*len(s) + 256)
	a.Step(len(s) / 8)
	header, err := decodeToken(head)
	if err != nil {
		return t, fmt.Errorf("the header of the token is not base64url: %w", err)
	}
	payload, err := decodeToken(body)
	if err != nil {
		return t, fmt.Errorf("the claims of the token are not base64url: %w", err)
	}
	if t.header, err = l.object(a, string(header)); err != nil {
		return t, fmt.Errorf("the header of the token: %w", err)
	}
	t.payload, t.signed, t.signature = string(payload), s[:len(head)+1+len(body)], signature
	return t, nil
}

// decodeToken reads base64url as it stands in tokens: in one way only.
func decodeToken(s string) ([]byte, error) {
	return decodeBase64(base64URL, s)
}

// object reads a JSON object.
func (l *jwtLib) object(a *sandbox.Args, text string) (sandbox.Table, error) {
	v, err := l.decoder.decode(a, text, jsonReading{})
	if err != nil {
		return sandbox.Table{}, err
	}
	t, ok := v.Table()
	if !ok || t.IsList() {
		return t, errors.New("it is not a JSON object")
	}
	return t, nil
}

func (l *jwtLib) peek(a *sandbox.Args) error {
	t, err := l.parse(a)
	if err != nil {
		return fail(a, err.Error())
	}
	claims, err := l.object(a, t.payload)
	if err != nil {
		return fail(a, "the claims of the token: "+err.Error())
	}
	a.Return(t.header.Value(), claims.Value())
	return nil
}

func (l *jwtLib) verify(a *sandbox.Args) error {
	CallerOf(a).Outside()
	o, err := l.options(a)
	if err != nil {
		return err
	}
	t, err := l.parse(a)
	if err != nil {
		return fail(a, err.Error())
	}
	if err := l.check(a, t, o); err != nil {
		return fail(a, err.Error())
	}
	claims, err := l.object(a, t.payload)
	if err != nil {
		return fail(a, "the claims of the token: "+err.Error())
	}
	a.Step(32 + len(t.payload)/2)
	if err := o.claims.check(claims, l.now()); err != nil {
		return fail(a, err.Error())
	}
	a.Return(claims.Value())
	return nil
}

// check returns an error unless one of the keys signed a token.
func (l *jwtLib) check(a *sandbox.Args, t jwtToken, o jwtOptions) error {
	for _, name := range []string{"crit", "b64"} {
		if !t.header.Get(name).IsNil() {
			return fmt.Errorf("the header of the token has %s, which asks for more than is done here", name)
		}
	}
	name, _ := t.header.Get("alg").Text()
	alg, ok := findAlgorithm(name)
	if !ok || o.algorithms != nil && !slices.Contains(o.algorithms, name) {
		return fmt.Errorf("the token is signed by the algorithm %s, which is not accepted", quoteBrief(name))
	}
	kid := t.header.Get("kid")
	id, ok := kid.Text()
	if !ok && !kid.IsNil() {
		return fmt.Errorf("the kid of the token is a %s, not a string", kid.Kind())
	}
	keys, err := l.keys(a, o)
	if err != nil {
		return err
	}
	candidates, err := keys.find(alg, id)
	if err != nil {
		return err
	}
	signature, err := decodeToken(t.signature)
	if err != nil {
		return fmt.Errorf("the signature of the token is not base64url: %w", err)
	}
	for _, k := range candidates {
		a.Step(alg.cost + len(t.signed)/8)
		a.Charge(4096 + len(t.signed))
		if alg.method.Verify(t.signed, signature, k.value) == nil {
			return nil
		}
	}
	return errors.New("the signature of the token is wrong")
}
