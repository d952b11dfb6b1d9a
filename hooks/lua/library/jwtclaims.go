package library

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"moonwire/hooks/lua/sandbox"
)

// maxOptionList is how many strings an option may hold.
const maxOptionList = 32

// jwtOptions are what a script wants of a token.
type jwtOptions struct {
	keys       sandbox.Value // nil if there is a secret
	secret     string
	algorithms []string // nil for all
	claims     jwtClaims
}

// jwtClaims is what the claims of a token must be.
type jwtClaims struct {
	audience    []string
	anyAudience bool
	issuer      []string // nil for any
	subject     string
	leeway      float64 // seconds
	maxAge      float64 // seconds; 0 for any
	forever     bool    // it need not expire
}

// options reads the options of verify.
func (l *jwtLib) options(a *sandbox.Args) (o jwtOptions, err error) {
	t, given, err := options(a, 2, "keys", "secret", "algorithms", "audience", "issuer", "subject", "leeway", "exp", "max_age")
	if err != nil {
		return o, err
	}
	if !given {
		return o, wrong(a, 2, "table")
	}
	r := optionReader{t: t}
	o.keys, o.secret = t.Get("keys"), r.text("secret")
	switch o.keys.Kind() {
	case sandbox.KindNil, sandbox.KindString, sandbox.KindTable:
	default:
		r.wrong("keys", "a string or a table")
	}
	if o.keys.IsNil() == t.Get("secret").IsNil() {
		r.fail("give either keys or secret")
	}
	if a.Step(len(o.secret) / 8); isKey(o.secret) {
		r.fail("secret is a key, which may be public: give it as keys")
	}
	o.algorithms = r.list("algorithms")
	for _, name := range o.algorithms {
		if _, ok := findAlgorithm(name); !ok {
			r.fail("unknown algorithm " + quoteBrief(name))
		}
	}
	c := &o.claims
	if v := t.Get("audience"); v.Kind() == sandbox.KindBool && !v.True() {
		c.anyAudience = true
	} else {
		c.audience = r.list("audience")
	}
	c.issuer, c.subject = r.list("issuer"), r.text("subject")
	c.leeway = r.number("leeway", 5, 0, 3600)
	c.maxAge = r.number("max_age", 0, 1, 1e9)
	switch v := t.Get("exp"); {
	case v.Kind() == sandbox.KindBool:
		c.forever = !v.True()
	case !v.IsNil():
		r.wrong("exp", "a boolean")
	}
	if t.Get("subject").IsNil() != (c.subject == "") {
		r.fail("subject is empty")
	}
	return o, r.err
}

// optionReader reads options, and keeps the first error.
type optionReader struct {
	t   sandbox.Table
	err error
}

func (r *optionReader) fail(why string) {
	if r.err == nil {
		r.err = errors.New("bad argument #2 (" + why + ")")
	}
}

func (r *optionReader) wrong(name, want string) {
	r.fail(fmt.Sprintf("%s is a %s, not %s", name, r.t.Get(name).Kind(), want))
}

// text returns an option that is a string; "" if it is not there.
func (r *optionReader) text(name string) string {
	s, ok := r.t.Get(name).Text()
	if !ok && !r.t.Get(name).IsNil() {
		r.wrong(name, "a string")
	}
	return s
}

// number returns an option that is a number from least to most.
func (r *optionReader) number(name string, fallback, least, most float64) float64 {
	v := r.t.Get(name)
	if v.IsNil() {
		return fallback
	}
	f, ok := v.Number()
	if !ok {
		r.wrong(name, "a number")
	} else if !(f >= least && f <= most) {
		r.fail(fmt.Sprintf("%s is %s; it is a number from %s to %s", name, formatNumber(f), formatNumber(least), formatNumber(most)))
	}
	return f
}

// list returns an option that is a string or a list of strings; nil if it is not
// there.
func (r *optionReader) list(name string) []string {
	v := r.t.Get(name)
	if v.IsNil() {
		return nil
	}
	list, ok := stringsOf(v, maxOptionList)
	if !ok || len(list) == 0 {
		r.fail(name + " is not a string or a list of 1 to 32")
	}
	return list
}

// stringsOf returns what a string or a list of strings holds, which are at most
// so many.
func stringsOf(v sandbox.Value, most int) (list []string, ok bool) {
	if s, ok := v.Text(); ok {
		return []string{s}, true
	}
	t, ok := v.Table()
	if !ok || t.Len() > most {
		return nil, false
	}
	t.EachField(func(_, _ sandbox.Value) bool {
		ok = false
		return false
	})
	for i := 1; i <= t.Len() && ok; i++ {
		var s string
		s, ok = t.At(i).Text()
		list = append(list, s)
	}
	return list, ok
}

// check returns why claims are not as they must be.
func (c *jwtClaims) check(claims sandbox.Table, at time.Time) error {
	now := float64(at.UnixNano()) / 1e9
	if err := c.checkTimes(claims, now); err != nil {
		return err
	}
	if err := c.checkAudience(claims.Get("aud")); err != nil {
		return err
	}
	if c.issuer != nil {
		if iss, ok := claims.Get("iss").Text(); !ok || !slices.Contains(c.issuer, iss) {
			return fmt.Errorf("the token is of the issuer %s", quoteBrief(iss))
		}
	}
	if c.subject != "" {
		if sub, _ := claims.Get("sub").Text(); sub != c.subject {
			return fmt.Errorf("the token is about %s", quoteBrief(sub))
		}
	}
	return nil
}

func (c *jwtClaims) checkTimes(claims sandbox.Table, now float64) error {
	exp, expires, err := jwtTime(claims, "exp")
	if err != nil {
		return err
	}
	nbf, _, err := jwtTime(claims, "nbf")
	if err != nil {
		return err
	}
	iat, issued, err := jwtTime(claims, "iat")
	if err != nil {
		return err
	}
	switch {
	case !expires && !c.forever:
		return errors.New("the token does not say when it expires")
	case expires && now >= exp+c.leeway:
		return errors.New("the token has expired")
	case now < nbf-c.leeway:
		return errors.New("the token is not valid yet")
	case c.maxAge == 0:
		return nil
	case !issued:
		return errors.New("the token does not say when it was issued")
	case now < iat-c.leeway:
		return errors.New("the token was issued in the future")
	case now >= iat+c.maxAge+c.leeway:
		return errors.New("the token is too old")
	}
	return nil
}

// jwtTime returns a claim that is a time, in seconds.
func jwtTime(claims sandbox.Table, name string) (seconds float64, ok bool, err error) {
	v := claims.Get(name)
	if v.IsNil() {
		return 0, false, nil
	}
	if seconds, ok = v.Number(); !ok {
		return 0, false, fmt.Errorf("the claim %s is not a number", name)
	}
	return seconds, true, nil
}

func (c *jwtClaims) checkAudience(v sandbox.Value) error {
	if c.anyAudience || v.IsNil() && c.audience == nil {
		return nil
	}
	if v.IsNil() {
		return errors.New("the token does not say whom it is for")
	}
	list, ok := stringsOf(v, maxToken)
	if !ok {
		return errors.New("the claim aud is not a string or a list of strings")
	}
	if !slices.ContainsFunc(list, func(s string) bool { return slices.Contains(c.audience, s) }) {
		return errors.New("the token is for another audience")
	}
	return nil
}
