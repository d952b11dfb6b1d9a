package lua

import (
	"errors"
	"fmt"
	"time"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

// answer is what allow, deny and drop return. Scripts can make none but by them,
// and may keep one and return it many times: it is immutable.
type answer struct {
	verdict  hooks.Verdict
	reason   string
	identity *hooks.Identity // of an allow that is for connect; nil says nothing
	ttl      time.Duration
	noCache  bool
	key      string // one that is for connect only; "" if none is
}

// allowed is what allow() returns.
var allowed = sandbox.Opaque(&answer{verdict: hooks.Allow})

// badAnswer is an answer that the point does not take.
type badAnswer struct{ text string }

func (e *badAnswer) Error() string { return e.text }

func badAnswerf(format string, args ...any) error { return &badAnswer{fmt.Sprintf(format, args...)} }

// mostReason is how long a reason may be, in bytes; the rest is cut off.
const mostReason = 512

// refuse returns the function deny or drop.
func refuse(name string, v hooks.Verdict) sandbox.Func {
	return func(a *sandbox.Args) error {
		reason := a.At(1)
		s, ok := reason.Text()
		switch {
		case a.Len() > 1:
			return badAnswerf("%s: there are %d arguments; want a reason", name, a.Len())
		case !reason.IsNil() && !ok:
			return badAnswerf("%s: the reason is a %s; want a text", name, reason.Kind())
		}
		a.Charge(128 + min(len(s), mostReason))
		a.Return(sandbox.Opaque(&answer{verdict: v, reason: clean(s, mostReason)}))
		return nil
	}
}

// allow is the function allow.
func allow(a *sandbox.Args) error {
	if a.Len() == 0 {
		a.Return(allowed)
		return nil
	}
	t, ok := a.At(1).Table()
	if !ok || a.Len() > 1 {
		return badAnswerf("allow: argument #%d is a %s; want a table, as in allow{ user = \"me\" }, or nothing", a.Len(), kindOf(a, a.Len()))
	}
	ans := &answer{verdict: hooks.Allow}
	if err := ans.read(a, t); err != nil {
		return &badAnswer{"allow: " + err.Error()}
	}
	a.Return(sandbox.Opaque(ans))
	return nil
}

// answer makes what the function of h returned the result of a call.
func (m *machine) answer(h *handler, c *hooks.Call, v sandbox.Value) error {
	if v.IsNil() {
		return m.replaced(c)
	}
	if s, ok := v.Text(); ok && h.Point == hooks.AtRewrite {
		if s != string(c.Subject) {
			c.Out.Verdict, c.Out.Subject = hooks.Replace, c.Copy([]byte(s))
		}
		return nil
	}
	a, ok := v.Opaque().(*answer)
	if !ok || !takes[h.Point][a.verdict] {
		return wrongAnswer(h, v)
	}
	if h.Point == hooks.AtConnect {
		return m.admit(h, c, a)
	}
	if a.key != "" {
		return badAnswerf("%s:%d: the function for %v returned allow{ %s = … }, which is for connect; here allow takes ttl and no_cache", h.file, h.line, h.Point, a.key)
	}
	c.Out.Verdict, c.Out.Reason, c.Out.TTL, c.Out.NoCache = a.verdict, a.reason, a.ttl, a.noCache
	return nil
}

var errExpired = errors.New("expires lies in the past")

// admit makes an answer the result at connect.
func (m *machine) admit(h *handler, c *hooks.Call, a *answer) error {
	if a.noCache {
		return badAnswerf("%s:%d: the function for connect returned allow{ no_cache = … }, but answers at connect are never kept", h.file, h.line)
	}
	c.Out.Verdict, c.Out.Reason = a.verdict, a.reason
	if a.identity == nil {
		return nil
	}
	id := *a.identity
	now := m.s.options.Clock()
	if a.ttl > 0 {
		id.Expires = now.Add(a.ttl)
	}
	if !id.Expires.IsZero() && !id.Expires.After(now) {
		c.Out.Verdict, c.Out.Reason = hooks.Deny, errExpired.Error()
		return nil
	}
	c.Out.Identity = &id
	return nil
}

// takes says which answers points take, besides nil, and text at rewrite.
var takes = hooks.PerPoint[[hooks.Verdicts]bool]{
	hooks.AtConnect:   {hooks.Allow: true, hooks.Deny: true},
	hooks.AtRewrite:   {hooks.Deny: true},
	hooks.AtPublish:   {hooks.Allow: true, hooks.Deny: true},
	hooks.AtSubscribe: {hooks.Allow: true, hooks.Deny: true},
	hooks.AtInspect:   {hooks.Deny: true, hooks.Drop: true},
}

// wanted says the same in words.
var wanted = hooks.PerPoint[string]{
	hooks.AtConnect:   "allow(), allow{…}, deny(reason) or nil",
	hooks.AtRewrite:   "the new subject, deny(reason) or nil",
	hooks.AtPublish:   "allow(), deny(reason) or nil",
	hooks.AtSubscribe: "allow(), deny(reason) or nil",
	hooks.AtInspect:   "deny(reason), drop(reason) or nil, after which the message goes on with what was assigned to it",
	hooks.AtEvent:     "nothing",
}

// wrongAnswer is the error for a value that is no answer at the point of h.
func wrongAnswer(h *handler, v sandbox.Value) error {
	got := "a " + v.Kind().String()
	if a, ok := v.Opaque().(*answer); ok {
		got = a.verdict.String() + "()"
	} else if v.Kind() == sandbox.KindBool {
		got = fmt.Sprint(v.True())
	} else if v.Kind() == sandbox.KindObject {
		got = "an object that it was given"
	}
	return badAnswerf("%s:%d: the function for %v returned %s; want %s", h.file, h.line, h.Point, got, wanted[h.Point])
}
