package lua

import (
	"fmt"
	"strings"
	"testing"

	"moonwire/hooks"
)

// FuzzAnswer: whatever an expression is, a function that returns it does not
// allow by accident, does not panic, and has a valid result at each point.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		"nil", "true", "1", "'x'", "{}", "allow()", "allow{}", "deny('x')", "drop('x')", "req", "req.client", "req.headers", "allow",
		"{ allow() }", "setmetatable({}, { __call = allow, __index = allow(), __tostring = function() return 'allow' end })",
		"allow{ user = 'x', permissions = { publish = { allow = {} } } }", "allow{ expires = 1e9, tags = { a = 'b' } }",
		"allow(setmetatable({}, { __index = { user = 'x' } }))", "deny(('x'):rep(1000))", "(function(...) return ... end)(1, allow())",
		"pcall(allow, { nothing = 1 })", "select(2, pcall(error, allow))", "req.subject .. '.x'", "'a b'", "'a..b'", "'>'", "('x.'):rep(5000) .. 'x'",
		"rawset(hook, 'x', 1)", "function() return allow() end", "-(0/0)", "tostring(allow())", "#allow()", "allow() .. ''", "allow() == allow()",
		"(function() req.payload = 'x' req.headers.A = 'y' end)()", "math.huge", "string.format('%s', deny)", "config", "log", "hook",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		if len(expr) > 2000 {
			return
		}
		for _, p := range asking {
			s, err := Open(t.Context(), Options{
				Name: "test", Source: fmt.Appendf(nil, "hook.%v(function(req) return %s\nend)", p, expr),
				Limits: Limits{VMs: 1, BlockingVMs: 1, Instructions: 20_000, Memory: 1 << 20}, Clock: frozen,
			})
			if err != nil {
				return
			}
			check(t, s, p, expr)
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func check(t *testing.T, s *Script, p hooks.Point, expr string) {
	t.Helper()
	list := s.Describe()
	if len(list) != 1 || list[0].Point != p {
		return // it has found a way to register more
	}
	c := ask(t, s, callAt(p))
	switch v := c.Out.Verdict; {
	case c.Err != nil && (v != hooks.Pass || c.Out.Identity != nil || c.Out.Payload != nil):
		t.Fatalf("%v, %s: an answer beside the error %v: %+v", p, expr, c.Err, c.Out)
	case c.Err != nil && strings.ContainsAny(c.Err.Error(), "\n\r"):
		t.Fatalf("%v, %s: more than a line: %q", p, expr, c.Err)
	case v == hooks.Allow && !strings.Contains(expr, "allow"):
		t.Fatalf("%v, %s: allowed by accident", p, expr)
	case v == hooks.Allow && p != hooks.AtConnect && p != hooks.AtPublish && p != hooks.AtSubscribe,
		v == hooks.Drop && p != hooks.AtInspect,
		v == hooks.Replace && p != hooks.AtInspect && p != hooks.AtRewrite,
		c.Out.Identity != nil && (p != hooks.AtConnect || v != hooks.Allow):
		t.Fatalf("%v, %s: got %+v", p, expr, c.Out)
	}
}
