package library

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

func TestClients(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		script
		want fakeControl
	}{
		{
			script{"a user", `out(clients.disconnect({ user = "bob" }, "gone"))`, []any{3.0}},
			fakeControl{of: hooks.Selector{User: "bob"}, reason: "gone"},
		},
		{
			script{"all that can be said", `out(clients.disconnect{ id = 7, user = "bob", account = "A", tags = { role = "x", site = "" } })`, []any{3.0}},
			fakeControl{
				of:     hooks.Selector{ID: 7, User: "bob", Account: "A", Tags: map[string]string{"role": "x", "site": ""}},
				reason: "a hook ended the connection",
			},
		},
		{
			script{"a long reason", `clients.disconnect({ id = 1 }, "\255" .. ("r"):rep(1000))`, nil},
			fakeControl{of: hooks.Selector{ID: 1}, reason: "?" + strings.Repeat("r", 255)},
		},
		{
			script{"permissions", `out(clients.permissions({ account = "A" }, { publish = { deny = { "x.>" } }, allow_responses = true }))`, []any{3.0}},
			fakeControl{
				of: hooks.Selector{Account: "A"},
				p:  &hooks.Permissions{Publish: hooks.Rules{Deny: []string{"x.>"}}, Responses: &hooks.Responses{}},
			},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := fakeControl{n: 3}
			c := tt.check(t, Options{Control: &got})
			got.n = 0
			if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(fakeControl{})); d != "" {
				t.Error(d)
			}
			if c.outside == 0 {
				t.Error("the answer would be cached")
			}
		})
	}
}

// fakeControls knows which hook it was asked for.
type fakeControls struct {
	fakeControl
	by []string
}

func (c *fakeControls) By(hook string) hooks.Control {
	c.by = append(c.by, hook)
	return &c.fakeControl
}

// TestClientsBy: each script acts by the control of its own hook.
func TestClientsBy(t *testing.T) {
	t.Parallel()
	c := new(fakeControls)
	s := newShared(t, Options{Control: c})
	for _, hook := range []string{"a", "b"} {
		caller := &fakeCaller{hook: hook}
		if err := caller.run(t, s, `clients.disconnect{ id = 1 } clients.permissions({ id = 1 }, { publish = "a" })`); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff([]string{"a", "a", "b", "b"}, c.by); d != "" {
		t.Error(d)
	}
}

func TestClientsStats(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{Control: &fakeControl{n: 3}})
	err := new(fakeCaller).run(t, s, `clients.disconnect{ id = 1 } clients.disconnect{ id = 2 } clients.permissions({ id = 1 }, { publish = "a" })`)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := s.Stats().Clients, (ClientsStats{Disconnected: 6, Permissions: 3}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestClientsFail(t *testing.T) {
	t.Parallel()
	tt := script{
		"none", `out(clients.disconnect{ id = 1 }) out(clients.permissions({ id = 1 }, { publish = "a" }))`,
		[]any{nil, "there are no connections here", nil, "there are no connections here"},
	}
	tt.check(t, Options{})
	tt.want = []any{nil, "busy", nil, "busy"}
	tt.check(t, Options{Control: &fakeControl{err: errors.New("busy")}})
}

func TestClientsWrong(t *testing.T) {
	t.Parallel()
	s := newShared(t, Options{Control: new(fakeControl)})
	for _, tt := range []struct{ name, lines, want string }{
		{"nobody", `clients.disconnect()`, "bad argument #1 (table expected, got no value)"},
		{"everybody", `clients.disconnect{}`, "bad argument #1 (" + hooks.ErrNobody.Error() + ")"},
		{"an empty user", `clients.disconnect{ account = "A", user = "" }`, "bad argument #1 (user must be a string that is not empty)"},
		{"an account that is a number", `clients.disconnect{ account = 5 }`, "bad argument #1 (account must be a string that is not empty)"},
		{"no id", `clients.disconnect{ id = 0 }`, "bad argument #1 (id must be that of a connection, a whole number above 0)"},
		{"half an id", `clients.disconnect{ id = 1.5 }`, "bad argument #1 (id must be that of a connection, a whole number above 0)"},
		{"no tags", `clients.disconnect{ user = "bob", tags = {} }`, "bad argument #1 (tags must be a table of strings with string keys, and not empty)"},
		{"a list of tags", `clients.disconnect{ tags = { "x" } }`, "bad argument #1 (tags must be a table of strings with string keys, and not empty)"},
		{"tags that are none", `clients.disconnect{ tags = "x" }`, "bad argument #1 (tags must be a table of strings with string keys, and not empty)"},
		{"a misspelt field", `clients.disconnect{ user = "bob", acount = "A" }`, `bad argument #1: unknown key "acount"; did you mean "account"?`},
		{"a reason that is none", `clients.disconnect({ id = 1 }, {})`, "bad argument #2 (string expected, got table)"},
		{"no permissions", `clients.permissions{ id = 1 }`, "bad argument #2 (table expected, got no value)"},
		{"permissions that say nothing", `clients.permissions({ id = 1 }, {})`, "bad argument #2 (permissions: says nothing: give publish, subscribe or allow_responses)"},
		{"permissions that are wrong", `clients.permissions({ id = 1 }, { publish = "a..b" })`, `bad argument #2 (permissions.publish: "a..b" is not a valid subject)`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			checkError(t, new(fakeCaller).run(t, s, tt.lines), tt.want)
		})
	}
	err := new(fakeCaller).run(t, s, `while true do clients.disconnect{ id = 1 } end`)
	if !errors.Is(err, sandbox.ErrInstructions) {
		t.Errorf("without end: got %v", err)
	}
}
