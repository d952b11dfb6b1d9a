package lua

import (
	"slices"
	"strings"
	"testing"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// TestDeclarations: what is declared is complete: each function and field says
// what it is, each type that is named exists, and each example runs.
func TestDeclarations(t *testing.T) {
	t.Parallel()
	types := []string{"string", "integer", "number", "boolean", "any", "table<string, any>", "table<string, string>", "string[]"}
	for _, m := range Globals() {
		for _, typ := range m.Types {
			types = append(types, typ.Name)
		}
	}
	check := func(where string, params []library.Param, named bool) {
		for _, p := range params {
			if named && p.Name == "" || p.Type == "" || p.Doc == "" && p.Name != "options" {
				t.Errorf("%s: %+v is not complete", where, p)
			}
			for _, part := range strings.Split(strings.TrimSuffix(p.Type, "?"), "|") {
				if part != "nil" && !slices.Contains(types, part) && !strings.HasPrefix(p.Type, "fun(") {
					t.Errorf("%s: %s: there is no type %s", where, p.Name, part)
				}
			}
		}
	}
	for _, m := range Globals() {
		for _, c := range m.Constants {
			check(m.Name, []library.Param{{Name: c.Name, Type: c.Type, Doc: c.Doc}}, true)
		}
		for _, typ := range m.Types {
			check(typ.Name, typ.Fields, true)
			if typ.Doc == "" {
				t.Errorf("%s has no doc", typ.Name)
			}
		}
		for _, f := range m.Functions {
			name := strings.TrimPrefix(m.Name+"."+f.Name, ".")
			check(name, f.Params, true)
			check(name, f.Returns, false)
			if f.Doc == "" || f.Example == "" && name != "require" || f.Do == nil && name != "require" {
				t.Errorf("%s is not complete", name)
			}
			if f.Example != "" {
				open(t, f.Example+"\nhook.publish(function() end)")
			}
		}
	}
}

// TestTypes: the shapes that are declared are those that are read.
func TestTypes(t *testing.T) {
	t.Parallel()
	declared := make(map[string][]string)
	for _, typ := range globalTypes() {
		for _, f := range typ.Fields {
			declared[typ.Name] = append(declared[typ.Name], f.Name)
		}
		slices.Sort(declared[typ.Name])
	}
	same := func(name string, keys []string) {
		keys = slices.Sorted(slices.Values(keys))
		if !slices.Equal(declared[name], keys) {
			t.Errorf("%s: declared are %q, read are %q", name, declared[name], keys)
		}
	}
	same("AllowOptions", allowKeys)
	same("HookOptions", optionsOf[hooks.AtPublish])
	if c := answerTo(t, hooks.AtConnect, "return allow{ permissions = { publish = { allow = 'a', deny = 'b' }, subscribe = { allow = 'a' }, allow_responses = { max = 1, expires = 1 } }, limits = { subscriptions = 1, payload = 1 } }"); c.Err != nil {
		t.Error(c.Err)
	}
	same("Limits", []string{"subscriptions", "payload"})
	same("CacheOptions", []string{"by", "ttl", "negative_ttl"})
	s := open(t, "hook.connect(function(req) local keys = {} for k in pairs(req.tls) do keys[#keys + 1] = k end return deny(table.concat(keys, ' ')) end)")
	c := callAt(hooks.AtConnect)
	c.Connect.TLS = &hooks.TLSInfo{}
	same("TLS", strings.Fields(ask(t, s, c).Out.Reason))
}

// TestGlobals: a script sees what is declared, and no more than the sandbox has
// besides.
func TestGlobals(t *testing.T) {
	t.Parallel()
	s := open(t, "hook.publish(function() local names = {} for k in pairs(_G) do names[#names + 1] = k end return deny(table.concat(names, ' ')) end)")
	got := strings.Fields(ask(t, s, callAt(hooks.AtPublish)).Out.Reason)
	slices.Sort(got)
	vm, err := sandbox.NewVM(mustCompile(t, ""), sandbox.Host{})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, name := range []string{"hook", "allow", "deny", "drop", "config", "log"} {
		if !vm.Global(name).IsNil() {
			t.Errorf("the sandbox has a global %s of its own", name)
		}
		want = append(want, name)
	}
	for _, name := range got {
		if !slices.Contains(want, name) && vm.Global(name).IsNil() {
			t.Errorf("a script sees %s", name)
		}
	}
	for _, name := range want {
		if !slices.Contains(got, name) {
			t.Errorf("a script does not see %s", name)
		}
	}
}

func mustCompile(t *testing.T, source string) *sandbox.Program {
	t.Helper()
	p, err := sandbox.Compile("x.lua", []byte(source), sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestHandover: what a script is to remember lies in libraries, which the next
// one gets too; its own variables end with it.
func TestHandover(t *testing.T) {
	t.Parallel()
	stored := make(map[string]sandbox.Value)
	lib := &library.Module{Name: "store", Functions: []library.Function{
		{Name: "set", Do: func(a *sandbox.Args) error { k, _ := a.At(1).Text(); stored[k] = a.At(2); return nil }},
		{Name: "get", Do: func(a *sandbox.Args) error { k, _ := a.At(1).Text(); a.Return(stored[k]); return nil }},
	}}
	const source = `local store = require "store"
		local mine
		hook.publish(function(req)
			local answer = tostring(store.get("k")) .. " " .. tostring(mine)
			store.set("k", "shared") mine = "mine"
			return deny(answer)
		end)`
	for i, want := range []string{"nil nil", "shared nil"} {
		s := openWith(t, source, Options{Libraries: []*library.Module{lib}, Limits: Limits{VMs: 1}})
		if got := ask(t, s, callAt(hooks.AtPublish)).Out.Reason; got != want {
			t.Errorf("script %d: got %q, want %q", i, got, want)
		}
		if got := ask(t, s, callAt(hooks.AtPublish)).Out.Reason; got != "shared mine" {
			t.Errorf("script %d, later: got %q", i, got)
		}
	}
}
