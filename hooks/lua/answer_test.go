package lua

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/hooks"
)

// now is the time of tests that have a clock.
var now = time.Unix(1_700_000_000, 0)

func frozen() time.Time { return now }

// asking are the points where something is asked.
var asking = []hooks.Point{hooks.AtConnect, hooks.AtRewrite, hooks.AtPublish, hooks.AtSubscribe, hooks.AtInspect}

// callAt returns a call as the server makes it at a point.
func callAt(p hooks.Point) *hooks.Call {
	c := &hooks.Call{Client: alice, Subject: []byte("orders.new")}
	switch p {
	case hooks.AtConnect:
		c.Client = &hooks.Client{ID: 7, Name: "app", Host: "10.0.0.1", Kind: "STANDARD", Lang: "go", Version: "1.2"}
		c.Subject, c.Connect = nil, &hooks.ConnectInfo{User: "alice", Password: "secret"}
	case hooks.AtSubscribe:
	case hooks.AtInspect:
		c.Payload = []byte("payload")
		fallthrough
	default:
		c.Header = []byte("NATS/1.0\r\nA: 1\r\nB: 2\r\na: 3\r\n\r\n")
		c.Reply, c.Size = []byte("_INBOX.1"), len(c.Header)+7
	}
	return c
}

// ask asks the first function of a script.
func ask(t testing.TB, s *Script, c *hooks.Call) *hooks.Call {
	t.Helper()
	if err := s.Do(context.Background(), 0, []*hooks.Call{c}); err != nil {
		t.Fatal(err)
	}
	return c
}

// answerTo opens a function with a body at a point, and asks it.
func answerTo(t testing.TB, p hooks.Point, body string) *hooks.Call {
	t.Helper()
	s := openWith(t, fmt.Sprintf("hook.%v(function(req)\n%s\nend)", p, body), Options{Clock: frozen})
	return ask(t, s, callAt(p))
}

func kind(err error) string {
	if e, ok := errors.AsType[*hooks.Error](err); ok {
		return e.Kind.String()
	}
	return fmt.Sprint(err)
}

// TestVerdicts: each answer at each point.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	const bad = hooks.Verdict(200)
	answers := []struct {
		body string
		want hooks.PerPoint[hooks.Verdict] // connect, rewrite, publish, subscribe, inspect
	}{
		{"", hooks.PerPoint[hooks.Verdict]{}},
		{"return nil", hooks.PerPoint[hooks.Verdict]{}},
		{"return allow()", hooks.PerPoint[hooks.Verdict]{hooks.Allow, bad, hooks.Allow, hooks.Allow, bad}},
		{"return allow{}", hooks.PerPoint[hooks.Verdict]{hooks.Allow, bad, hooks.Allow, hooks.Allow, bad}},
		{"return allow{ ttl = 5 }", hooks.PerPoint[hooks.Verdict]{hooks.Allow, bad, hooks.Allow, hooks.Allow, bad}},
		{"return allow{ no_cache = true }", hooks.PerPoint[hooks.Verdict]{bad, bad, hooks.Allow, hooks.Allow, bad}},
		{"return allow{ user = 'bob' }", hooks.PerPoint[hooks.Verdict]{hooks.Allow, bad, bad, bad, bad}},
		{"return deny()", hooks.PerPoint[hooks.Verdict]{}.All(hooks.Deny)},
		{"return deny('no')", hooks.PerPoint[hooks.Verdict]{}.All(hooks.Deny)},
		{"return drop('no')", hooks.PerPoint[hooks.Verdict]{bad, bad, bad, bad, hooks.Drop}},
		{"return 'new.subject'", hooks.PerPoint[hooks.Verdict]{bad, hooks.Replace, bad, bad, bad}},
		{"return true", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return false", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return 1", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return {}", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return { user = 'bob', account = 'A' }", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return { verdict = 1 }", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return setmetatable({}, { __index = function() return 1 end })", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return allow", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return deny", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return req", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return req.client", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
		{"return log", hooks.PerPoint[hooks.Verdict]{}.All(bad)},
	}
	for _, a := range answers {
		for _, p := range asking {
			t.Run(fmt.Sprint(p, "/", a.body), func(t *testing.T) {
				t.Parallel()
				c := answerTo(t, p, a.body)
				if a.want[p] != bad {
					if c.Err != nil || c.Out.Verdict != a.want[p] {
						t.Errorf("got %v, %v; want %v", c.Out.Verdict, c.Err, a.want[p])
					}
					return
				}
				if kind(c.Err) != "bad_reply" || c.Out.Verdict != hooks.Pass {
					t.Fatalf("got %v, %v; want a bad answer", c.Out.Verdict, c.Err)
				}
				for _, want := range []string{"test.lua:1: the function for " + p.String() + " returned ", "allow{ no_cache"} {
					if strings.Contains(c.Err.Error(), want) {
						return
					}
				}
				t.Errorf("got %q: it does not say where", c.Err)
			})
		}
	}
}

// TestReasons: what a refusal and a rewrite carry.
func TestReasons(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		point hooks.Point
		body  string
		want  hooks.Result
	}{
		{hooks.AtPublish, "return deny('no ' .. req.subject)", hooks.Result{Verdict: hooks.Deny, Reason: "no orders.new"}},
		{hooks.AtPublish, "return deny('a\\nb\\0c\\255')", hooks.Result{Verdict: hooks.Deny, Reason: "a b c?"}},
		{hooks.AtPublish, "return deny(('x'):rep(600))", hooks.Result{Verdict: hooks.Deny, Reason: strings.Repeat("x", 512) + "…"}},
		{hooks.AtPublish, "local a = deny('a') local b = deny('b') return a", hooks.Result{Verdict: hooks.Deny, Reason: "a"}},
		{hooks.AtPublish, "return allow{ ttl = 1.5 }", hooks.Result{Verdict: hooks.Allow, TTL: 1500 * time.Millisecond}},
		{hooks.AtPublish, "return allow{ no_cache = true }", hooks.Result{Verdict: hooks.Allow, NoCache: true}},
		{hooks.AtPublish, "return allow{ no_cache = false }", hooks.Result{Verdict: hooks.Allow}},
		{hooks.AtRewrite, "return 't.' .. req.client.account .. '.' .. req.subject", hooks.Result{Verdict: hooks.Replace, Subject: []byte("t.A.orders.new")}},
		{hooks.AtRewrite, "return req.subject", hooks.Result{}},
		{hooks.AtInspect, "return drop('no')", hooks.Result{Verdict: hooks.Drop, Reason: "no"}},
		{hooks.AtInspect, "req.payload = 'x' return drop('no')", hooks.Result{Verdict: hooks.Drop, Reason: "no"}},
	} {
		c := answerTo(t, tt.point, tt.body)
		if diff := cmp.Diff(tt.want, c.Out); diff != "" || c.Err != nil {
			t.Errorf("%v, %s: %v\n%s", tt.point, tt.body, c.Err, diff)
		}
	}
}

// TestIdentity: what allow says at connect.
func TestIdentity(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body string
		want *hooks.Identity
	}{
		{"return allow()", nil},
		{"return allow{ user = req.user, account = 'A' }", &hooks.Identity{User: "alice", Account: "A"}},
		{"return allow{ expires = 1700000001.5 }", &hooks.Identity{Expires: now.Add(1500 * time.Millisecond)}},
		{"return allow{ ttl = 60 }", &hooks.Identity{Expires: now.Add(time.Minute)}},
		{"return allow{ tags = { role = 'admin', empty = '' } }", &hooks.Identity{Tags: map[string]string{"role": "admin", "empty": ""}}},
		{"return allow{ limits = { subscriptions = 10, payload = 1024 } }", &hooks.Identity{Limits: hooks.Limits{MaxSubscriptions: 10, MaxPayload: 1024}}},
		{
			"return allow{ permissions = { publish = { allow = 'a.>', deny = { 'a.b', 'a.c' } }, subscribe = { allow = { 'x', 'y.* workers' } }, allow_responses = true } }",
			&hooks.Identity{Permissions: &hooks.Permissions{
				Publish:   hooks.Rules{Allow: []string{"a.>"}, Deny: []string{"a.b", "a.c"}},
				Subscribe: hooks.Rules{Allow: []string{"x", "y.* workers"}},
				Responses: &hooks.Responses{},
			}},
		},
		{
			"return allow{ permissions = { allow_responses = { max = 3, expires = 1.5 } } }",
			&hooks.Identity{Permissions: &hooks.Permissions{Responses: &hooks.Responses{Max: 3, Expires: 1500 * time.Millisecond}}},
		},
		{"return allow{ permissions = { allow_responses = false } }", &hooks.Identity{Permissions: &hooks.Permissions{}}},
		{
			"return allow{ permissions = { publish = { 'a', 'b' }, subscribe = 'c', allow_responses = 5 } }",
			&hooks.Identity{Permissions: &hooks.Permissions{
				Publish: hooks.Rules{Allow: []string{"a", "b"}}, Subscribe: hooks.Rules{Allow: []string{"c"}}, Responses: &hooks.Responses{Max: 5},
			}},
		},
		{
			"return allow{ permissions = { publish = {} } }",
			&hooks.Identity{Permissions: &hooks.Permissions{Publish: hooks.Rules{Deny: []string{">"}}}},
		},
		{ // a list that came out empty does not allow everything
			"return allow{ permissions = { publish = { allow = { config.nothing } }, subscribe = { allow = {}, deny = {} } } }",
			&hooks.Identity{Permissions: &hooks.Permissions{
				Publish: hooks.Rules{Deny: []string{">"}}, Subscribe: hooks.Rules{Deny: []string{">"}},
			}},
		},
	} {
		c := answerTo(t, hooks.AtConnect, tt.body)
		if diff := cmp.Diff(tt.want, c.Out.Identity); diff != "" || c.Err != nil || c.Out.Verdict != hooks.Allow {
			t.Errorf("%s: %v, %v\n%s", tt.body, c.Out.Verdict, c.Err, diff)
		}
	}
}

// TestExpired: who is let in until a time that is past is not let in.
func TestExpired(t *testing.T) {
	t.Parallel()
	c := answerTo(t, hooks.AtConnect, "return allow{ user = 'bob', expires = 1700000000 }")
	if c.Err != nil || c.Out.Verdict != hooks.Deny || c.Out.Identity != nil || c.Out.Reason != "expires lies in the past" {
		t.Errorf("got %+v, %v", c.Out, c.Err)
	}
}

// TestKeptAnswer: an answer that a script keeps is good for many calls, each with
// an identity of its own.
func TestKeptAnswer(t *testing.T) {
	t.Parallel()
	clock := now
	s := openWith(t, "local yes = allow{ user = 'bob', ttl = 10 } hook.connect(function() return yes end)",
		Options{Clock: func() time.Time { return clock }, Limits: Limits{BlockingVMs: 1}})
	first := ask(t, s, callAt(hooks.AtConnect)).Out.Identity
	clock = clock.Add(time.Hour)
	second := ask(t, s, callAt(hooks.AtConnect)).Out.Identity
	if first == nil || second == nil || first == second || !second.Expires.Equal(now.Add(time.Hour+10*time.Second)) {
		t.Errorf("got %+v and %+v", first, second)
	}
}

// TestBadAllow: what allow, deny and drop do not take is a bad answer with line
// and key.
func TestBadAllow(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ call, want string }{
		{"allow(nil)", "allow: argument #1 is a nil; want a table"},
		{"allow('bob')", "allow: argument #1 is a string; want a table"},
		{"allow({}, {})", "allow: argument #2 is a table"},
		{"allow{ usr = 'bob' }", `allow: the table: unknown key "usr"; did you mean "user"?`},
		{"allow{ acount = 'A' }", `unknown key "acount"; did you mean "account"?`},
		{"allow{ Permissions = {} }", `unknown key "Permissions"; did you mean "permissions"?`},
		{"allow{ something_else = 1 }", `unknown key "something_else"; known are user, account, permissions, limits, tags, expires, ttl, no_cache`},
		{"allow{ 'bob' }", "allow: the table: a key is a number; known are user"},
		{"allow{ user = 5 }", "user is a number; want a text that is not empty"},
		{"allow{ account = '' }", "account is empty; want a text that is not empty"},
		{"allow{ user = true }", "user is a boolean"},
		{"allow{ user = ('x'):rep(1025) }", "user has 1025 bytes; want at most 1024"},
		{"allow{ tags = { x = ('x'):rep(1025) } }", "tags: a name or text is longer than 1024 bytes"},
		{"allow{ tags = { [('x'):rep(1025)] = 'x' } }", "tags: a name or text is longer than 1024 bytes"},
		{"allow{ expires = '5' }", "expires is a string; want Unix seconds"},
		{"allow{ expires = 0/0 }", "expires is NaN"},
		{"allow{ expires = 1/0 }", "expires is +Inf"},
		{"allow{ expires = -1 }", "expires is -1"},
		{"allow{ expires = 1800000000, ttl = 5 }", "both ttl and expires"},
		{"allow{ ttl = 0 }", "ttl is 0"},
		{"allow{ ttl = -1 }", "ttl is -1; want seconds from 0 to"},
		{"allow{ ttl = 0/0 }", "ttl is NaN"},
		{"allow{ ttl = 1e300 }", "ttl is 1e+300"},
		{"allow{ ttl = {} }", "ttl is a table"},
		{"allow{ no_cache = 1 }", "no_cache is a number; want true or false"},
		{"allow{ tags = 'x' }", "tags is a string; want a table of texts"},
		{"allow{ tags = { 'x' } }", "tags: it has elements"},
		{"allow{ tags = { role = 1 } }", "tags.role is a number; want a text"},
		{"allow{ limits = 5 }", "limits is a number"},
		{"allow{ limits = { payload = 0 } }", "limits.payload is 0; want a whole number from 1"},
		{"allow{ limits = { payload = 1.5 } }", "limits.payload is 1.5"},
		{"allow{ limits = { payload = 0/0 } }", "limits.payload is NaN"},
		{"allow{ limits = { subs = 1 } }", `limits: unknown key "subs"; known are subscriptions, payload`},
		{"allow{ permissions = 5 }", "permissions is a number"},
		{"allow{ permissions = { pub = {} } }", `permissions: unknown key "pub"`},
		{"allow{ permissions = {} }", "permissions: says nothing"},
		{"allow{ permissions = { publish = { alow = 'x' } } }", `permissions.publish: unknown key "alow"; did you mean "allow"?`},
		{"allow{ permissions = { publish = { allow = 5 } } }", "permissions.publish.allow: is a number and must be a list of subjects"},
		{"allow{ permissions = { publish = { allow = { 5 } } } }", "permissions.publish.allow[1]: is a number and must be a subject"},
		{"allow{ permissions = { publish = { deny = { 'a', nil, 'c' } } } }", "permissions.publish.deny: is no list: it has nothing at 2"},
		{"allow{ permissions = { publish = { deny = { x = 'a' } } } }", "permissions.publish.deny: is no list"},
		{"allow{ permissions = { publish = { allow = 'a..b' } } }", `permissions.publish.allow: "a..b" is not a valid subject`},
		{"allow{ permissions = { publish = { allow = 'a q' } } }", `permissions.publish.allow: "a q" is not a valid subject`},
		{"allow{ permissions = { subscribe = { deny = 'a q r' } } }", `permissions.subscribe.deny: "a q r" is not a valid subject`},
		{"allow{ permissions = { allow_responses = 'x' } }", "permissions.allow_responses: must be a whole number above 0"},
		{"allow{ permissions = { allow_responses = { maximum = 5 } } }", `permissions.allow_responses: unknown key "maximum"`},
		{"allow{ permissions = { allow_responses = { max = -2 } } }", "permissions.allow_responses.max: must be a whole number above 0, or -1 for no bound"},
		{"allow{ permissions = { allow_responses = { expires = -2 } } }", "permissions.allow_responses.expires: "},
		{"deny({})", "deny: the reason is a table; want a text"},
		{"deny('a', 'b')", "deny: there are 2 arguments; want a reason"},
		{"drop(5)", "drop: the reason is a number; want a text"},
	} {
		c := answerTo(t, hooks.AtConnect, "return "+tt.call)
		if kind(c.Err) != "bad_reply" || c.Out.Verdict != hooks.Pass || c.Out.Identity != nil {
			t.Errorf("%s: got %+v, %v; want a bad answer", tt.call, c.Out, c.Err)
			continue
		}
		if got := c.Err.Error(); !strings.Contains(got, tt.want) || !strings.Contains(got, "test.lua:2: ") {
			t.Errorf("%s: got %q, want %q", tt.call, got, tt.want)
		}
	}
}

// TestManyTags: an identity does not grow without bound.
func TestManyTags(t *testing.T) {
	t.Parallel()
	c := answerTo(t, hooks.AtConnect, "local tags = {} for i = 1, 65 do tags['t' .. i] = 'x' end return allow{ tags = tags }")
	if kind(c.Err) != "bad_reply" || !strings.Contains(c.Err.Error(), "tags: there are more than 64") {
		t.Errorf("got %+v, %v", c.Out, c.Err)
	}
}
