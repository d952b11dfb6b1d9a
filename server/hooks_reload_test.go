package server_test

import (
	"strings"
	"testing"

	"moonwire/server"
)

// TestHooksReload: a reload opens what is new or another, keeps what is as it
// was, and closes the rest.
func TestHooksReload(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1", "b.lua", "version 1\nwith part", "part", "p1")
	const still = `hooks { reload: { watch: false, probation: "-1s" }, load: [ `
	list := func(hooks ...string) server.Options { return f.options(still + strings.Join(hooks, "\n") + " ] }") }
	w := new(workshop)
	b, logged := startLogged(t, list("{ name: a, lua: a.lua }", "{ name: b, lua: b.lua }"), w.option())
	w.expect(t, "open a 1", "open b 1+p1")
	steps := []struct {
		name  string
		hooks []string
		files []string
		want  []string
	}{
		{name: "nothing is another", hooks: []string{"{ name: a, lua: a.lua }", "{ name: b, lua: b.lua }"}},
		{
			name:  "what the engine does not see",
			hooks: []string{"{ name: b, lua: b.lua, final: true, subjects: a, on_error: skip, mode: shadow }", "{ name: a, lua: a.lua }"},
		},
		{
			name: "settings", hooks: []string{"{ name: a, lua: a.lua, config: { k: v } }", "{ name: b, lua: b.lua, timeout: \"1ms\" }"},
			want: []string{"open a 1", "close a 1", "open b 1+p1", "close b 1+p1"},
		},
		{
			name: "a script", hooks: []string{"{ name: a, lua: a.lua, config: { k: v } }", "{ name: b, lua: b.lua, timeout: \"1ms\" }"},
			files: []string{"a.lua", "version 2"}, want: []string{"open a 2", "close a 1"},
		},
		{
			name: "a part of a script", hooks: []string{"{ name: a, lua: a.lua, config: { k: v } }", "{ name: b, lua: b.lua, timeout: \"1ms\" }"},
			files: []string{"part", "p2"}, want: []string{"open b 1+p2", "close b 1+p1"},
		},
		{
			name:  "the same script once more",
			hooks: []string{"{ name: a, lua: a.lua, config: { k: v } }", "{ name: b, lua: b.lua, timeout: \"1ms\" }"},
		},
		{
			name: "off, and a new one", hooks: []string{"{ name: a, lua: a.lua, config: { k: v }, mode: off }", "{ name: c, lua: b.lua }"},
			want: []string{"close a 2", "close b 1+p2", "open c 1+p2"},
		},
		{
			name: "on again", hooks: []string{"{ name: a, lua: a.lua, config: { k: v } }"},
			want: []string{"open a 2", "close c 1+p2"},
		},
		{name: "none", want: []string{"close a 2"}},
	}
	for _, s := range steps {
		for i := 0; i < len(s.files); i += 2 {
			f.write(s.files[i], s.files[i+1])
		}
		if err := b.Reload(list(s.hooks...)); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		w.expect(t, s.want...)
	}
	if n := count(logged, "Hooks changed"); n != 0 {
		t.Errorf("%d changes were noticed, though nobody was to watch", n)
	}
}

// TestHooksRefuseReload: one hook that does not load keeps all from taking
// effect, and all else keeps the hooks.
func TestHooksRefuseReload(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1", "b.lua", "version 1", "broken.lua", "version 1\nbroken")
	users := func(name, hooks string) server.Options {
		return f.options(`authorization { users: [ { user: ` + name + `, password: p } ] }
			accounts { X { exports: [ { stream: s } ] } }
			hooks { reload: { watch: false }, load: [ ` + hooks + ` ] }`)
	}
	w := new(workshop)
	b, _ := startLogged(t, users("u", "{ name: a, lua: a.lua }"), w.option())
	as(t, b.Addr(), "u")
	w.expect(t, "open a 1")

	err := b.Reload(users("v", "{ name: b, lua: b.lua }, { name: a, lua: broken.lua }"))
	if err == nil || !strings.Contains(err.Error(), `opening hook "a": `+f.path("broken.lua")+`:2: what is "broken"?`) {
		t.Errorf("got %v", err)
	}
	as(t, b.Addr(), "u")
	refused(t, b.Addr(), "v")
	w.expect(t, "open b 1", "close b 1")

	// Whatever else is wrong is found before the hooks are opened.
	bad := users("v", "{ name: b, lua: b.lua }")
	bad.PidFile = f.path("none/pid")
	if err := b.Reload(bad); err == nil {
		t.Error("a pid file in no folder is taken")
	}
	bad = users("v", "{ name: b, lua: b.lua }")
	bad.Hooks.Cache.MaxEntries = 5
	if err := b.Reload(bad); err == nil || err.Error() != "only a restart can change hooks.cache.max_entries" {
		t.Errorf("got %v", err)
	}
	w.expect(t)

	must(t, b.Reload(users("v", "{ name: a, lua: b.lua }")))
	as(t, b.Addr(), "v")
	w.expect(t, "open a 1")
	if old, ok := w.last().Old.(*scripted); !ok || old.name != "a" {
		t.Errorf("the engine before was %v", w.last().Old)
	}
}

// TestHooksAreToldOfReload: those that are at work afterwards, also one that was
// loaded anew and one for some accounts, of what has changed.
func TestHooksAreToldOfReload(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1", "b.lua", "version 1")
	conf := func(watch, mode, more string) server.Options {
		return f.options(`accounts { X {} }
			hooks { reload: { probation: "-1s", watch: ` + watch + ` }, load: [
			{ name: a, lua: a.lua }, { name: b, lua: b.lua, accounts: [ X ], mode: ` + mode + ` } ] }` + "\n" + more)
	}
	w := new(workshop)
	b, _ := startLogged(t, conf("false", "enforce", ""), w.option())
	must(t, b.Reload(conf("false", "enforce", "")))
	w.hears(t, "a 1: nothing has changed", "b 1: nothing has changed")
	must(t, b.Reload(conf("false", "enforce", "ping_max: 5")))
	w.hears(t, "a 1: ping_max", "b 1: ping_max")
	f.write("a.lua", "version 2")
	must(t, b.Reload(conf("false", "enforce", "ping_max: 5")))
	w.hears(t, `a 2: hook "a"`, `b 1: hook "a"`)
	if err := b.Reload(server.Options{Port: -2}); err == nil {
		t.Error("a reload without sense is taken")
	}
	must(t, b.Reload(conf("true", "enforce", "ping_max: 5")))
	w.hears(t, "a 2: hooks.reload.watch", "b 1: hooks.reload.watch")
	f.write("b.lua", "version 2") // which has it loaded by itself
	w.hears(t, `a 2: hook "b"`, `b 2: hook "b"`)
	must(t, b.Reload(conf("true", "off", "ping_max: 5")))
	w.hears(t, `a 2: hooks.load, hook "b" is no longer asked`)
}

// TestHookTests: they are run before an engine is opened, where that is asked
// for.
func TestHookTests(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1")
	conf := func(require string) server.Options {
		return f.options(`hooks { reload: { watch: false, probation: "-1s", require_tests: ` + require + ` }, load: [ { name: a, lua: a.lua } ] }`)
	}
	w := &workshop{tests: errOnPurpose}
	b, _ := startLogged(t, conf("false"), w.option(), server.WithTests(server.EngineLua, w.test))
	w.expect(t, "open a 1")
	must(t, b.Reload(conf("true"))) // it was opened already
	w.expect(t)
	f.write("a.lua", "version 2")
	if err := b.Reload(conf("true")); err == nil || err.Error() != `opening hook "a": its tests fail: two tests fail, on purpose` {
		t.Errorf("got %v", err)
	}
	w.expect(t, "test a")
	w.mu.Lock()
	w.tests = nil
	w.mu.Unlock()
	must(t, b.Reload(conf("true")))
	w.expect(t, "test a", "open a 2", "close a 1")
}

// TestNativeHooksStay: a reload cannot change what is compiled in.
func TestNativeHooksStay(t *testing.T) {
	t.Parallel()
	f := newFolder(t)
	b, _, _ := f.start(monitored, server.WithHooks(native("own")))
	must(t, b.Reload(f.options(monitored+"ping_max: 5")))
	var z hookz
	look(t, b, "/hookz", &z)
	if len(z.Hooks) != 1 || z.Hooks[0].Reloads["ok"] != 1 {
		t.Errorf("got %+v", z)
	}
}
