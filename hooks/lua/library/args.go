package library

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"moonwire/hooks/lua/sandbox"
)

// wrong is the error for an argument of another kind than is wanted.
func wrong(a *sandbox.Args, i int, want string) error {
	got := "no value"
	if i <= a.Len() {
		got = a.At(i).Kind().String()
	}
	return fmt.Errorf("bad argument #%d (%s expected, got %s)", i, want, got)
}

// text returns a string argument. A number will do, as everywhere in Lua.
func text(a *sandbox.Args, i int) (string, error) {
	v := a.At(i)
	if s, ok := v.Text(); ok {
		return s, nil
	}
	if f, ok := v.Number(); ok {
		return formatNumber(f), nil
	}
	return "", wrong(a, i, "string")
}

// number returns an argument that is a number.
func number(a *sandbox.Args, i int) (float64, error) {
	if f, ok := a.At(i).Number(); ok {
		return f, nil
	}
	return 0, wrong(a, i, "number")
}

// integer returns an argument that is a whole number from least to most.
func integer(a *sandbox.Args, i int, least, most int64) (int64, error) {
	f, err := number(a, i)
	if err != nil {
		return 0, err
	}
	if f != math.Trunc(f) || f < float64(least) || f > float64(most) {
		return 0, fmt.Errorf("bad argument #%d (%s is not a whole number from %d to %d)", i, formatNumber(f), least, most)
	}
	return int64(f), nil
}

// table returns a table argument.
func table(a *sandbox.Args, i int) (sandbox.Table, error) {
	if t, ok := a.At(i).Table(); ok {
		return t, nil
	}
	return sandbox.Table{}, wrong(a, i, "table")
}

// options returns a table argument that may be missing, and has no other keys
// than those named: a misspelt one would be a wrong policy.
func options(a *sandbox.Args, i int, known ...string) (t sandbox.Table, ok bool, err error) {
	if a.At(i).IsNil() {
		return t, false, nil
	}
	t, err = fields(a, i, known...)
	return t, err == nil, err
}

// fields returns a table argument that has no other keys than those named.
func fields(a *sandbox.Args, i int, known ...string) (sandbox.Table, error) {
	t, err := table(a, i)
	if err != nil {
		return t, err
	}
	if err := checkKeys(t, known); err != nil {
		return t, fmt.Errorf("bad argument #%d: %w", i, err)
	}
	return t, nil
}

// mostSeconds is the longest time that a script can ask for: some 31 years.
const mostSeconds = 1e9

// seconds returns a time that a script gives in seconds: above zero, and at
// least a nanosecond. The error says what is wrong, without saying where.
func seconds(v sandbox.Value) (time.Duration, error) {
	f, ok := v.Number()
	if !ok || !(f > 0) || f > mostSeconds {
		return 0, errors.New("must be a number of seconds above 0 and up to 1e9")
	}
	return max(1, time.Duration(f*1e9)), nil
}

// brief is a text as it may stand in an error: most bytes of it.
func brief(s string, most int) string {
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "?")
}

// fail is the results of a function that did not succeed with good arguments:
// nil and why.
func fail(a *sandbox.Args, why string) error {
	a.Charge(len(why))
	a.Return(sandbox.Value{}, sandbox.String(why))
	return nil
}
