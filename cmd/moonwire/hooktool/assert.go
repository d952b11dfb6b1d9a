package hooktool

import (
	"fmt"
	"slices"
	"strings"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
	"moonwire/server/subject"
)

// give returns an outcome to a test. A script that looks at more than its cache
// policy names is wrong: the broker would keep none of its answers.
func (t *trial) give(a *sandbox.Args, o *outcome) error {
	if names := t.stage.uncached(); len(names) > 0 {
		return fmt.Errorf("%s: the script looked at %s, which is not in the by of its cache: the broker would not keep the answer", o.what, strings.Join(names, ", "))
	}
	out := t.vm.NewTable(0, 16)
	out.Set("allowed", sandbox.Bool(o.allowed()))
	out.Set("verdict", sandbox.String(o.verdict.String()))
	out.Set("cached", sandbox.Bool(o.cached))
	for name, text := range map[string]string{"by": o.by, "reason": o.reason} {
		if text != "" && o.verdict.Refuses() {
			out.Set(name, sandbox.String(text))
		}
	}
	if o.err != nil {
		out.Set("error", sandbox.String(o.err.Error()))
	}
	if o.subject != "" && o.allowed() {
		out.Set("subject", sandbox.String(o.subject))
		out.Set("payload", sandbox.Bytes(o.payload))
		headers, err := library.ToLua(t.vm, headersOf(o.header))
		if err != nil {
			return err
		}
		out.Set("headers", headers)
	}
	switch {
	case o.client != nil:
		if err := t.person(out, o.client); err != nil {
			return err
		}
	case o.connects:
		for _, name := range []string{"publish", "subscribe"} {
			out.Set(name, t.vm.Func(func(*sandbox.Args) error {
				return fmt.Errorf("%s: the client is not connected: %s, and %s", name, o.what, o.happened())
			}))
		}
	}
	t.outcomes[out] = o
	a.Return(out.Value())
	return nil
}

// outcome is the first argument of an assertion.
func (t *trial) outcome(a *sandbox.Args, name string) (*outcome, error) {
	if v, ok := a.At(1).Table(); ok {
		if o := t.outcomes[v]; o != nil {
			return o, nil
		}
	}
	return nil, fmt.Errorf("bad argument #1 to %s (what connect, publish, subscribe or event returned expected, got %s)", name, a.At(1).Kind())
}

// part is the second argument of an assertion: a text that is to be found, "" if
// none is given.
func part(a *sandbox.Args, name string) (string, error) {
	s, ok := a.At(2).Text()
	if !ok && !a.At(2).IsNil() {
		return "", fmt.Errorf("bad argument #2 to %s (a part of the text expected, got %s)", name, a.At(2).Kind())
	}
	return s, nil
}

// happened says what came of an action.
func (o *outcome) happened() string {
	switch {
	case o.err != nil:
		return "the script failed: " + o.err.Error()
	case o.verdict == hooks.Drop:
		return "it was dropped by the " + o.by + o.because()
	case o.verdict == hooks.Deny && o.by == "permissions":
		return "it was denied: " + o.reason
	case o.verdict == hooks.Deny:
		return "it was denied by the " + o.by + o.because()
	}
	return "it was allowed"
}

func (o *outcome) because() string {
	if o.reason == "" {
		return " without a reason"
	}
	return ": " + o.reason
}

func (t *trial) assertAllowed(a *sandbox.Args) error {
	o, err := t.outcome(a, "assert_allowed")
	if err != nil || o.allowed() {
		return err
	}
	return fmt.Errorf("%s should be allowed, but %s", o.what, o.happened())
}

func (t *trial) assertRefused(name string, want hooks.Verdict, past string) sandbox.Func {
	return func(a *sandbox.Args) error {
		o, err := t.outcome(a, name)
		if err != nil {
			return err
		}
		because, err := part(a, name)
		switch {
		case err != nil:
			return err
		case o.err != nil || o.verdict != want:
			return fmt.Errorf("%s should be %s, but %s", o.what, past, o.happened())
		case !strings.Contains(o.reason, because):
			return fmt.Errorf("%s should be %s because of %q, but %s", o.what, past, because, o.happened())
		}
		return nil
	}
}

func (t *trial) assertFailed(a *sandbox.Args) error {
	o, err := t.outcome(a, "assert_failed")
	if err != nil {
		return err
	}
	with, err := part(a, "assert_failed")
	switch {
	case err != nil:
		return err
	case o.err == nil:
		return fmt.Errorf("%s should make the script fail, but %s", o.what, o.happened())
	case !strings.Contains(o.err.Error(), with):
		return fmt.Errorf("%s should make the script fail with %q, but %s", o.what, with, o.happened())
	}
	return nil
}

func (t *trial) assertDelivered(a *sandbox.Args) error {
	o, err := t.outcome(a, "assert_delivered")
	if err != nil {
		return err
	}
	pattern, ok := a.At(2).Text()
	switch {
	case !ok || !subject.ValidPattern(pattern):
		return fmt.Errorf("bad argument #2 to assert_delivered (a pattern of subjects expected, got %s)", showLua(a, 2))
	case !o.allowed():
		return fmt.Errorf("%s should reach %q, but %s", o.what, pattern, o.happened())
	case o.subject == "":
		return fmt.Errorf("%s delivers nothing: give assert_delivered what publish returned", o.what)
	case !subject.Match(pattern, []byte(o.subject)):
		return fmt.Errorf("%s should reach %q, but it goes to %q", o.what, pattern, o.subject)
	}
	return nil
}

func (t *trial) assertEqual(a *sandbox.Args) error {
	if a.Len() < 2 {
		return fmt.Errorf("bad arguments to assert_equal (two values expected, got %d)", a.Len())
	}
	what := ""
	if m, ok := a.At(3).Text(); ok {
		what = m + ": "
	} else if !a.At(3).IsNil() {
		return fmt.Errorf("bad argument #3 to assert_equal (a text expected, got %s)", a.At(3).Kind())
	}
	got, err := library.FromLua(t.vm, a.At(1))
	if err != nil {
		return fmt.Errorf("%sthe first value cannot be compared: %w", what, err)
	}
	want, err := library.FromLua(t.vm, a.At(2))
	if err != nil {
		return fmt.Errorf("%sthe second value cannot be compared: %w", what, err)
	}
	if equal(got, want) {
		return nil
	}
	return fmt.Errorf("%sgot %s, want %s", what, show(got), show(want))
}

func (t *trial) assertTrue(a *sandbox.Args) error {
	what, ok := a.At(2).Text()
	switch {
	case !ok && !a.At(2).IsNil():
		return fmt.Errorf("bad argument #2 to assert_true (a text expected, got %s)", a.At(2).Kind())
	case a.At(1).True():
		return nil
	case what == "":
		return fmt.Errorf("got %s, want something that is true", showLua(a, 1))
	}
	return fmt.Errorf("it should be true: %s", what)
}

// equal reports whether two values of Lua are the same, with all that is in them.
// To Lua an empty list is an empty table like any other.
func equal(a, b any) bool {
	if isEmpty(a) && isEmpty(b) {
		return true
	}
	switch a := a.(type) {
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, equal)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k, v := range a {
			if other, ok := b[k]; !ok || !equal(v, other) {
				return false
			}
		}
		return true
	}
	switch b.(type) {
	case []any, map[string]any:
		return false
	}
	return a == b
}

func isEmpty(v any) bool {
	switch v := v.(type) {
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	}
	return false
}

// showLua is show for an argument.
func showLua(a *sandbox.Args, i int) string {
	if out, err := library.FromLua(a.VM(), a.At(i)); err == nil {
		return show(out)
	}
	return "a " + a.At(i).Kind().String()
}

// mostShown is how many bytes are shown of one value.
const mostShown = 1000

// show writes a value as Lua would have it, or the beginning of it.
func show(v any) string {
	text := string(appendShown(nil, v))
	if len(text) > mostShown {
		return strings.ToValidUTF8(text[:mostShown], "") + "…"
	}
	return text
}

func appendShown(b []byte, v any) []byte {
	if len(b) > mostShown {
		return b
	}
	switch v := v.(type) {
	case nil:
		return append(b, "nil"...)
	case string:
		return fmt.Appendf(b, "%q", v)
	case []any:
		b = append(b, '{')
		for i, e := range v {
			b = appendShown(append(b, separator(i)...), e)
		}
		return append(b, '}')
	case map[string]any:
		keys := make([]string, 0, len(v))
		for k := range v {
			keys = append(keys, k)
		}
		slices.Sort(keys)
		b = append(b, '{')
		for i, k := range keys {
			b = appendShown(append(append(b, separator(i)...), k+" = "...), v[k])
		}
		return append(b, '}')
	}
	return fmt.Append(b, v)
}

func separator(i int) string {
	if i == 0 {
		return ""
	}
	return ", "
}
