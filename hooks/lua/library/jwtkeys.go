package library

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"moonwire/hooks/lua/sandbox"
)

// What keys may be.
const (
	maxKeyText = 256 << 10 // bytes of a JWK set, or PEM
	maxKeys    = 64        // in a set
	keptSets   = 8         // of a VM
	leastRSA   = 2048      // bits
	mostRSA    = 4096      // bits
)

// kindSecret is the kind of key that is no public key.
const kindSecret = "secret"

// jwtAlgorithm is a way to sign, and the only kind of key that does.
type jwtAlgorithm struct {
	name   string
	kind   string
	method jwt.SigningMethod
	least  int // bytes of a secret, RFC 7518 §3.2
	cost   int // instructions that the check of a signature counts
}

var jwtAlgorithms = []jwtAlgorithm{
	{"HS256", kindSecret, jwt.SigningMethodHS256, 32, 200},
	{"HS384", kindSecret, jwt.SigningMethodHS384, 48, 200},
	{"HS512", kindSecret, jwt.SigningMethodHS512, 64, 200},
	{"RS256", "RSA", jwt.SigningMethodRS256, 0, 3000},
	{"RS384", "RSA", jwt.SigningMethodRS384, 0, 3000},
	{"RS512", "RSA", jwt.SigningMethodRS512, 0, 3000},
	{"PS256", "RSA", jwt.SigningMethodPS256, 0, 3000},
	{"PS384", "RSA", jwt.SigningMethodPS384, 0, 3000},
	{"PS512", "RSA", jwt.SigningMethodPS512, 0, 3000},
	{"ES256", "P-256", jwt.SigningMethodES256, 0, 4000},
	{"ES384", "P-384", jwt.SigningMethodES384, 0, 25_000},
	{"ES512", "P-521", jwt.SigningMethodES512, 0, 60_000},
	{"EdDSA", "Ed25519", jwt.SigningMethodEdDSA, 0, verifyCost},
}

func findAlgorithm(name string) (jwtAlgorithm, bool) {
	i := slices.IndexFunc(jwtAlgorithms, func(a jwtAlgorithm) bool { return a.name == name })
	if i < 0 {
		return jwtAlgorithm{}, false
	}
	return jwtAlgorithms[i], true
}

func jwtNames() (names []string) {
	for _, a := range jwtAlgorithms {
		names = append(names, a.name)
	}
	return names
}

// jwtKey is a key that checks signatures.
type jwtKey struct {
	id    string // kid; "" if it has none
	only  string // the one algorithm that it is for; "" for all of its kind
	kind  string
	value any // as the library of signatures wants it
}

// jwtKeySet is keys that may have signed a token.
type jwtKeySet struct {
	keys    []jwtKey
	refused []refusedKey
}

// refusedKey is a key that is of no use, and why.
type refusedKey struct{ id, why string }

// find returns the keys to try for a token that names one or, with an empty id,
// none.
func (s *jwtKeySet) find(alg jwtAlgorithm, id string) ([]jwtKey, error) {
	keys := s.keys
	if id != "" {
		if keys = s.named(id); len(keys) == 0 {
			return nil, s.unknown(id)
		}
	}
	var fit []jwtKey
	var weak error
	for _, k := range keys {
		if k.kind != alg.kind || k.only != "" && k.only != alg.name {
			continue
		}
		if secret, ok := k.value.([]byte); ok && len(secret) < alg.least {
			weak = fmt.Errorf("the secret has %d bytes; %s needs %d or more", len(secret), alg.name, alg.least)
			continue
		}
		fit = append(fit, k)
	}
	switch {
	case len(fit) == 0 && weak != nil:
		return nil, weak
	case len(fit) == 0:
		return nil, fmt.Errorf("the token is signed by %s, and no key is for that", alg.name)
	case len(fit) > maxTrials:
		return nil, fmt.Errorf("the token names no key, and %d would fit; at most %d are tried", len(fit), maxTrials)
	}
	return fit, nil
}

// named returns the keys with a name, or those without one if none has it.
func (s *jwtKeySet) named(id string) (keys []jwtKey) {
	for _, want := range []string{id, ""} {
		for _, k := range s.keys {
			if k.id == want {
				keys = append(keys, k)
			}
		}
		if len(keys) > 0 {
			break
		}
	}
	return keys
}

// unknown is the error for a token that names a key which is not there.
func (s *jwtKeySet) unknown(id string) error {
	for _, r := range s.refused {
		if r.id == id {
			return fmt.Errorf("the token is signed by the key %s, which is refused: %s", quoteBrief(id), r.why)
		}
	}
	return fmt.Errorf("the token is signed by the key %s, which is not known", quoteBrief(id))
}

// keys returns the keys that options give. They are parsed once for each VM and
// text: sets come anew with each call, in tables that scripts can change.
func (l *jwtLib) keys(a *sandbox.Args, o jwtOptions) (*jwtKeySet, error) {
	if o.keys.IsNil() {
		a.Charge(len(o.secret))
		return &jwtKeySet{keys: []jwtKey{{kind: kindSecret, value: []byte(o.secret)}}}, nil
	}
	text, isText := o.keys.Text()
	if !isText {
		encoded, err := l.encoder.encode(a, o.keys, 0)
		if err != nil {
			return nil, fmt.Errorf("the keys: %w", err)
		}
		a.Charge(len(encoded))
		text = string(encoded)
	}
	if len(text) > maxKeyText {
		return nil, fmt.Errorf("the keys have %d bytes; at most %d are read", len(text), maxKeyText)
	}
	a.Step(len(text) / 32)
	if s, ok := l.sets[text]; ok {
		return s, nil
	}
	a.Charge(16*len(text) + 4096)
	a.Step(2*len(text) + 1000)
	s, err := parseKeys(text)
	if err != nil {
		return nil, fmt.Errorf("the keys: %w", err)
	}
	if len(l.sets) >= keptSets {
		clear(l.sets)
	}
	if l.sets == nil {
		l.sets = make(map[string]*jwtKeySet)
	}
	l.sets[strings.Clone(text)] = s
	return s, nil
}

// parseKeys reads a JWK set, a JWK or PEM. The error says what is wrong with all
// of the keys if none is of use.
func parseKeys(text string) (*jwtKeySet, error) {
	s := &jwtKeySet{}
	var err error
	switch trimmed := strings.TrimLeft(text, " \t\r\n"); {
	case strings.HasPrefix(trimmed, "{"):
		err = s.addJWKs(trimmed)
	case strings.HasPrefix(trimmed, "-----BEGIN "):
		err = s.addPEM(trimmed)
	default:
		err = errors.New("they are neither a JWK set nor PEM; a shared secret is given as secret")
	}
	if err != nil {
		return nil, err
	}
	if len(s.keys) == 0 {
		for _, r := range s.refused {
			err = errors.Join(err, fmt.Errorf("key %s: %s", quoteBrief(r.id), r.why))
		}
		if err == nil {
			return nil, errors.New("there are none")
		}
		return nil, errors.New("none is of use: " + strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return s, nil
}

// isKey reports whether a text is a key in one of the forms that public keys have.
// With one for a secret, whoever knows the public key could sign tokens (RFC 8725
// §2.1).
func isKey(text string) bool {
	text = strings.TrimLeft(text, " \t\r\n")
	for _, begin := range []string{"-----BEGIN ", "ssh-", "ecdsa-sha2-"} {
		if strings.HasPrefix(text, begin) {
			return true
		}
	}
	return strings.HasPrefix(text, "{") && strings.Contains(text, `"kty"`)
}

// addJWKs adds the keys of a JWK set, or a single one. RFC 7517 §5: what is not
// understood is left out.
func (s *jwtKeySet) addJWKs(text string) error {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
		Kty  string            `json:"kty"`
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return fmt.Errorf("they are no JWK set: %w", err)
	}
	if set.Kty != "" {
		set.Keys = []json.RawMessage{json.RawMessage(text)}
	}
	if len(set.Keys) > maxKeys {
		return fmt.Errorf("there are %d; at most %d are read", len(set.Keys), maxKeys)
	}
	for _, raw := range set.Keys {
		s.addJWK(raw)
	}
	return nil
}

func (s *jwtKeySet) addJWK(raw json.RawMessage) {
	var about struct {
		ID  string   `json:"kid"`
		Ops []string `json:"key_ops"`
	}
	var key jose.JSONWebKey
	err := json.Unmarshal(raw, &about)
	if err == nil {
		err = key.UnmarshalJSON(raw)
	}
	switch {
	case errors.Is(err, jose.ErrUnsupportedKeyType):
		err = errors.New("its type is not supported")
	case err != nil:
		err = errors.New(strings.ReplaceAll(err.Error(), "go-jose/go-jose: ", ""))
	case key.Use != "" && key.Use != "sig":
		err = fmt.Errorf("its use is %s, not sig", quoteBrief(key.Use))
	case about.Ops != nil && !slices.Contains(about.Ops, "verify"):
		err = errors.New("its key_ops have no verify")
	}
	s.add(about.ID, key.Algorithm, key.Key, err)
}

// addPEM adds the public keys of all blocks.
func (s *jwtKeySet) addPEM(text string) error {
	for rest := []byte(text); len(bytes.TrimSpace(rest)) > 0; {
		if len(s.keys)+len(s.refused) == maxKeys {
			return fmt.Errorf("there are too many; at most %d are read", maxKeys)
		}
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return errors.New("they begin as PEM, but are not PEM to the end")
		}
		var key any
		var err error
		switch block.Type {
		case "PUBLIC KEY":
			key, err = x509.ParsePKIXPublicKey(block.Bytes)
		case "RSA PUBLIC KEY":
			key, err = x509.ParsePKCS1PublicKey(block.Bytes)
		case "CERTIFICATE":
			var c *x509.Certificate
			if c, err = x509.ParseCertificate(block.Bytes); err == nil {
				key = c.PublicKey
			}
		default:
			err = fmt.Errorf("its PEM is of type %s, not PUBLIC KEY or CERTIFICATE", quoteBrief(block.Type))
		}
		s.add("", "", key, err)
	}
	return nil
}

// add adds a key, or the reason why not.
func (s *jwtKeySet) add(id, only string, key any, err error) {
	kind := ""
	if err == nil {
		kind, err = kindOf(key)
	}
	if err != nil {
		s.refused = append(s.refused, refusedKey{id, err.Error()})
		return
	}
	s.keys = append(s.keys, jwtKey{id, only, kind, key})
}

// kindOf returns the kind of a key, and an error if it is too weak or no key to
// check signatures with.
func kindOf(key any) (string, error) {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if n := key.N.BitLen(); n < leastRSA || n > mostRSA {
			return "", fmt.Errorf("it is an RSA key of %d bits; %d to %d are accepted", n, leastRSA, mostRSA)
		}
		return "RSA", nil
	case *ecdsa.PublicKey:
		name := key.Curve.Params().Name
		if name != "P-256" && name != "P-384" && name != "P-521" {
			return "", fmt.Errorf("its curve %s is not supported", name)
		}
		return name, nil
	case ed25519.PublicKey:
		return "Ed25519", nil
	case []byte:
		return kindSecret, nil
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey:
		return "", errors.New("it is a private key, which belongs to the issuer alone; give the public one")
	}
	return "", errors.New("its type is not supported")
}
