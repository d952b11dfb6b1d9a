package operator

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"moonwire/server/config"
)

// jwtPrefix is how every JWT begins: `{"` in base64.
const jwtPrefix = "eyJ"

// trust is whom accounts may come from. It is immutable.
type trust struct {
	// keys may sign accounts. The value says that accounts of that key may sign
	// only with their signing keys.
	keys map[string]bool
	// strict are the keys of operators that sign with their signing keys alone.
	strict map[string]bool
	system string // the system account; "" if nobody names one
	server string // where the first operator says that accounts are found
}

// newTrust reads what o trusts.
func newTrust(o *config.Options) (*trust, error) {
	t := &trust{keys: make(map[string]bool), strict: make(map[string]bool), system: o.SystemAccount}
	if t.system == systemDefault {
		t.system = ""
	}
	if len(o.Operators) > 0 && len(o.TrustedKeys) > 0 {
		return nil, errors.New("operator and trusted_keys are both set; leave one out")
	}
	for _, key := range o.TrustedKeys {
		if !nkeys.IsValidPublicOperatorKey(key) {
			return nil, fmt.Errorf("trusted_keys: %q is not the public key of an operator, which begins with O", shorten(key))
		}
		t.keys[key] = false
	}
	var named []string
	for i, at := range o.Operators {
		c, err := readOperator(at)
		if err != nil {
			return nil, err
		}
		t.add(c)
		if i == 0 {
			t.server = c.AccountServerURL
		}
		if c.SystemAccount != "" {
			named = append(named, c.SystemAccount)
		}
	}
	return t, t.settle(named)
}

// systemDefault is the name of the system account where accounts have names.
const systemDefault = "$SYS"

// settle finds the system account among those that operators named.
func (t *trust) settle(named []string) error {
	switch {
	case t.system == "" && len(named) > 0:
		t.system = named[0]
	case len(named) > 0 && !slices.Contains(named, t.system):
		return fmt.Errorf("system_account: %s is not the one of the operator JWT, %s; leave the key out", shorten(t.system), named[0])
	}
	if t.system != "" && !nkeys.IsValidPublicAccountKey(t.system) {
		return fmt.Errorf("system_account: %q is not the public key of an account, which begins with A", shorten(t.system))
	}
	return nil
}

// add trusts the keys of an operator.
func (t *trust) add(c *jwt.OperatorClaims) {
	if c.StrictSigningKeyUsage {
		t.strict[c.Subject] = true
	} else {
		t.keys[c.Subject] = false
	}
	for _, k := range c.SigningKeys {
		t.keys[k] = t.keys[k] || c.StrictSigningKeyUsage
	}
}

// readOperator reads the JWT of an operator, which is the text itself or stands
// in a file, with or without decoration.
func readOperator(at string) (*jwt.OperatorClaims, error) {
	where, text := "operator: the JWT", []byte(at)
	if !strings.HasPrefix(at, jwtPrefix) {
		var err error
		if text, err = os.ReadFile(at); err != nil {
			return nil, fmt.Errorf("operator: %w", err)
		}
		where = fmt.Sprintf("operator: file %q", at)
	}
	token, err := jwt.ParseDecoratedJWT(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", where, err)
	}
	c, err := jwt.DecodeOperatorClaims(strings.TrimSpace(token))
	if err != nil {
		return nil, fmt.Errorf("%s is not that of an operator: %w", where, faultOf(err))
	}
	for _, k := range append([]string{c.Subject}, c.SigningKeys...) {
		if !nkeys.IsValidPublicOperatorKey(k) {
			return nil, fmt.Errorf("%s has %q in it, which is not the public key of an operator", where, shorten(k))
		}
	}
	return c, nil
}

// faultOf says why a JWT did not decode, without a piece of it: the errors of
// the library quote what they do not like.
func faultOf(err error) error {
	switch text := err.Error(); {
	case errors.Is(err, jwt.ErrTokenTooLarge):
		return errors.New("it is too large")
	case strings.Contains(text, "signature verification"):
		return errors.New("its signature does not verify")
	case strings.Contains(text, "newer version"):
		return errors.New("it was made by a newer version")
	case strings.HasPrefix(text, "not ") && strings.HasSuffix(text, " claim"):
		return errors.New("it is a JWT of another kind")
	case strings.Contains(text, "expected prefixes"):
		return errors.New("its issuer may not issue it")
	}
	return errors.New("it is malformed")
}

// shorten returns the head of a text that should have been a key: long enough
// to find it, too short to give a secret away.
func shorten(s string) string {
	if len(s) <= 4 {
		return s
	}
	return s[:4] + "…"
}
