package library

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/hooks"
	"moonwire/hooks/lua/sandbox"
)

// parsePermissions reads the table that an expression of Lua makes.
func parsePermissions(t *testing.T, expression string) (p *hooks.Permissions, err error) {
	t.Helper()
	s := newPure(t, "hook(function(parse) parse("+expression+") end)")
	s.call(t, s.vm.Func(func(a *sandbox.Args) error {
		table, ok := a.At(1).Table()
		if !ok {
			t.Fatalf("%s is no table", expression)
		}
		p, err = ParsePermissions(a.VM(), table, "permissions")
		return nil
	}))
	return p, err
}

func TestParsePermissions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, lua string
		want      hooks.Permissions
	}{
		{"lists", `{ publish = { "a.*", "b" }, subscribe = { "c.>" } }`, hooks.Permissions{
			Publish: hooks.Rules{Allow: []string{"a.*", "b"}}, Subscribe: hooks.Rules{Allow: []string{"c.>"}},
		}},
		{"one subject", `{ publish = "a", subscribe = { deny = "b" } }`, hooks.Permissions{
			Publish: hooks.Rules{Allow: []string{"a"}}, Subscribe: hooks.Rules{Deny: []string{"b"}},
		}},
		{"allow and deny", `{ publish = { allow = { ">" }, deny = { "x.*", "y" } } }`, hooks.Permissions{
			Publish: hooks.Rules{Allow: []string{">"}, Deny: []string{"x.*", "y"}},
		}},
		{"a queue", `{ subscribe = { "a q", "b.* q.*" } }`, hooks.Permissions{
			Subscribe: hooks.Rules{Allow: []string{"a q", "b.* q.*"}},
		}},
		{"an empty list allows nothing", `{ publish = {}, subscribe = { allow = {}, deny = { "a" } } }`, hooks.Permissions{
			Publish: hooks.Rules{Deny: []string{">"}}, Subscribe: hooks.Rules{Deny: []string{">"}},
		}},
		{"nil at the end of a list", `{ publish = { allow = { nil } }, subscribe = { "a", nil } }`, hooks.Permissions{
			Publish: hooks.Rules{Deny: []string{">"}}, Subscribe: hooks.Rules{Allow: []string{"a"}},
		}},
		{"an empty deny denies nothing", `{ publish = { deny = {} , allow = "a" } }`, hooks.Permissions{
			Publish: hooks.Rules{Allow: []string{"a"}},
		}},
		{"answers", `{ allow_responses = true }`, hooks.Permissions{Responses: &hooks.Responses{}}},
		{"no answers", `{ allow_responses = false, publish = "a" }`, hooks.Permissions{Publish: hooks.Rules{Allow: []string{"a"}}}},
		{"so many answers", `{ allow_responses = 3 }`, hooks.Permissions{Responses: &hooks.Responses{Max: 3}}},
		{"answers in time", `{ allow_responses = { max = 5, expires = 1.5 } }`, hooks.Permissions{
			Responses: &hooks.Responses{Max: 5, Expires: 1500 * time.Millisecond},
		}},
		{"a time that rounds to zero", `{ allow_responses = { expires = 1e-12 } }`, hooks.Permissions{
			Responses: &hooks.Responses{Expires: 1},
		}},
		{"answers without bounds", `{ allow_responses = { max = -1, expires = -1 } }`, hooks.Permissions{
			Responses: &hooks.Responses{Max: -1, Expires: -1},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := parsePermissions(t, tt.lua)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(&tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestParsePermissionsWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, lua, want string }{
		{"nothing", `{}`, `permissions: says nothing: give publish, subscribe or allow_responses`},
		{"an unknown key", `{ pub = {} }`, `permissions: unknown key "pub"; known are publish, subscribe, allow_responses`},
		{"an unknown rule", `{ publish = { alow = {} } }`, `permissions.publish: unknown key "alow"; did you mean "allow"?`},
		{"a list with names", `{ publish = { "a", deny = "b" } }`, `permissions.publish: a key is a number; known are allow, deny`},
		{"no list", `{ publish = 5 }`, `permissions.publish: is a number and must be a list of subjects`},
		{"no subject", `{ publish = { "a", "b..c" } }`, `permissions.publish[2]: "b..c" is not a valid subject`},
		{"a queue where there is none", `{ publish = "a q" }`, `permissions.publish: "a q" is not a valid subject`},
		{"two queues", `{ subscribe = { allow = "a q r" } }`, `permissions.subscribe.allow: "a q r" is not a valid subject, with or without a queue behind a blank`},
		{"an empty queue", `{ subscribe = { "a " } }`, `permissions.subscribe[1]: "a " is not a valid subject, with or without a queue behind a blank`},
		{"a line", `{ subscribe = { "a\r\nb" } }`, `permissions.subscribe[1]: "a\r\nb" is not a valid subject, with or without a queue behind a blank`},
		{"a number", `{ subscribe = { deny = { "a", 5 } } }`, `permissions.subscribe.deny[2]: is a number and must be a subject`},
		{"a hole", `{ publish = { deny = { "a", nil, "b" } } }`, `permissions.publish.deny: is no list: it has nothing at 2, and something behind that`},
		{"a long subject", `{ publish = ("."):rep(70) }`, `permissions.publish: "` + strings.Repeat(".", 64) + `…" is not a valid subject`},
		{"answers in words", `{ allow_responses = "yes" }`, `permissions.allow_responses: must be a whole number above 0, or -1 for no bound`},
		{"no answer at all", `{ allow_responses = 0 }`, `permissions.allow_responses: must be a whole number above 0, or -1 for no bound`},
		{"half an answer", `{ allow_responses = { max = 1.5 } }`, `permissions.allow_responses.max: must be a whole number above 0, or -1 for no bound`},
		{"not a number", `{ allow_responses = { max = 0/0 } }`, `permissions.allow_responses.max: must be a whole number above 0, or -1 for no bound`},
		{"no time", `{ allow_responses = { expires = 0 } }`, `permissions.allow_responses.expires: must be a number of seconds above 0 and up to 1e9, or -1 for no bound`},
		{"an unknown key of answers", `{ allow_responses = { ttl = 1 } }`, `permissions.allow_responses: unknown key "ttl"; known are max, expires`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p, err := parsePermissions(t, tt.lua)
			if err == nil || err.Error() != tt.want || p != nil {
				t.Errorf("got %v, %v\nwant %s", p, err, tt.want)
			}
		})
	}
}

// TestPermissionsHostile: a list can hold the same long text many times over, which
// is small in Lua alone.
func TestPermissionsHostile(t *testing.T) {
	long := strings.Repeat("a", 1<<16)
	for _, tt := range []struct{ name, source string }{
		{"a long subject many times", `for i = 1, 4000 do t[i] = s end clients.permissions({ id = 1 }, { publish = t })`},
		{"the same for a queue", `for i = 1, 4000 do t[i] = "a " .. s end clients.permissions({ id = 1 }, { subscribe = { deny = t } })`},
		{"many subjects again and again", `for i = 1, 60000 do t[i] = "a" end while true do pcall(clients.permissions, { id = 1 }, { publish = t }) end`},
		{"many that are wrong at the end", `for i = 1, 60000 do t[i] = "a" end t[60000] = "" while true do pcall(clients.permissions, { id = 1 }, { publish = t }) end`},
	} {
		t.Run(tt.name, func(t *testing.T) { pureHostile(t, "local t = {} "+tt.source, long) })
	}
}
