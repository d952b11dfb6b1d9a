package server_test

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/hooks"
	"moonwire/hooks/hooktest"
	"moonwire/server"
	"moonwire/server/config"
)

// hookz is the part of /hookz that the tests look at.
type hookz struct {
	Hooks []struct {
		Name         string            `json:"name"`
		Kind         string            `json:"kind"`
		Path         string            `json:"path"`
		Mode         string            `json:"mode"`
		Version      string            `json:"version"`
		OnError      map[string]string `json:"on_error"`
		Timeout      map[string]string `json:"timeout"`
		Instructions struct{ Count int }
		Reloads      map[string]int `json:"reloads"`
	} `json:"hooks"`
}

// native is a hook in Go.
func native(name string) hooks.Spec {
	return hooks.Spec{
		Hook: hooks.Hook{Name: name},
		Open: func(context.Context, hooks.Engine) (hooks.Engine, error) {
			return &scripted{of: new(workshop), name: name, version: "native"}, nil
		},
	}
}

// TestHooksOfOptions: what the options say of hooks gets to where it belongs.
func TestHooksOfOptions(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "hooks/a.lua", "version 1", "b.lua", "version 2")
	b, w, _ := f.start(monitored+`hooks {
		load: [
			{ name: a, lua: hooks/a.lua, config: { Key: [ 1 ] }, on_error: { default: deny, inspect: skip }
			  timeout: { connect: "2s", default: "60ms" }, limits: { vms: 3 } }
			{ name: b, lua: b.lua, mode: shadow, timeout: "5ms" }
			{ name: c, lua: none.lua, mode: off }
		]
		http { ca: ca.pem }
	}`, server.WithHooks(native("own")))
	w.expect(t, "open a 1", "open b 2")
	w.mu.Lock()
	got := w.opened[0]
	w.mu.Unlock()
	if got.Name != "a" || got.Hook.Lua != f.path("hooks/a.lua") || got.Hook.Limits.VMs != 3 || got.Old != nil || got.Log == nil ||
		got.Hooks.HTTP.CAFile != f.path("ca.pem") || got.Hooks.KV.MaxEntries != 100_000 {
		t.Errorf("the engine got %+v", got)
	}
	if diff := cmp.Diff(map[string]any{"Key": []any{int64(1)}}, got.Hook.Config); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	want := hooks.PerPoint[time.Duration]{
		hooks.AtConnect: 2 * time.Second, hooks.AtRewrite: 60 * time.Millisecond, hooks.AtPublish: 60 * time.Millisecond,
		hooks.AtSubscribe: 60 * time.Millisecond, hooks.AtInspect: 60 * time.Millisecond,
	}
	if diff := cmp.Diff(want, got.Timeout); diff != "" {
		t.Errorf("timeouts (-want +got):\n%s", diff)
	}
	var z hookz
	look(t, b, "/hookz", &z)
	var shown []string
	for _, h := range z.Hooks {
		shown = append(shown, strings.Join([]string{h.Name, h.Kind, strings.TrimPrefix(h.Path, f.dir), h.Mode, h.Version}, " "))
	}
	if diff := cmp.Diff([]string{"own go  enforce native", "a lua /hooks/a.lua enforce 1", "b lua /b.lua shadow 2", "c lua /none.lua off "}, shown); diff != "" {
		t.Errorf("/hookz (-want +got):\n%s", diff)
	}
	if a := z.Hooks[1]; a.Instructions.Count != 2 || a.Reloads["ok"] != 1 || a.OnError["inspect"] != "skip" || a.Timeout["default"] != "60ms" {
		t.Errorf("/hookz shows %+v", a)
	}
	b.Shutdown()
	w.expect(t, "close a 1", "close b 2")
}

// TestHooksRefuseStart: a policy that cannot be had keeps the server from
// starting, and what was opened for it is closed.
func TestHooksRefuseStart(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, conf, want string
		tests            error
		with             []server.Option
		told             []string
	}{
		{
			name: "a broken script", conf: `load: [ { name: a, lua: a.lua }, { name: b, lua: broken.lua } ]`,
			want: `opening hook "b": broken.lua:2: what is "broken"?`, told: []string{"open a 1", "close a 1"},
		},
		{
			name: "all that is wrong", conf: `load: [ { name: a, lua: none.lua }, { name: b, lua: broken.lua }, { name: c, lua: panic.lua } ]`,
			want: `opening hook "a": open none.lua: no such file or directory` + "\n" + `opening hook "b": broken.lua:2: what is "broken"?` +
				"\n" + `opening hook "c": runtime: panic: a panic on purpose`,
		},
		{
			name: "nothing that runs it", conf: `load: [ { name: a, lua: a.lua }, { name: b, plugin: bin/b }, { name: c, builtin: stamp } ]`,
			want: `hook "b": this broker has nothing that runs plugin hooks; take the hook out, or set "mode: off"` +
				"\n" + `hook "c": this broker has nothing that runs builtin hooks; take the hook out, or set "mode: off"`,
		},
		{
			name: "the name of another", conf: `load: [ { name: own, lua: a.lua } ]`, with: []server.Option{server.WithHooks(native("own"))},
			want: `hook "own": the name is used twice`, told: []string{"open own 1", "close own 1"},
		},
		{
			name: "tests", conf: `load: [ { name: a, lua: a.lua } ], reload: { require_tests: true }`, tests: errOnPurpose,
			want: `opening hook "a": its tests fail: two tests fail, on purpose`, told: []string{"test a"},
		},
		{name: "no folder", conf: `scripts_dir: none`, want: "hooks.scripts_dir: open none: no such file or directory"},
		{
			name: "a name in the folder", conf: `scripts_dir: odd`,
			want: `hooks.scripts_dir: odd: "hooks.load.name": got "a b"; must be a name of letters, digits, "_", "-" and "."`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := newFolder(t, "a.lua", "version 1", "broken.lua", "version 1\nbroken", "panic.lua", "panic", "odd/a b.lua", "version 1")
			w := &workshop{tests: tt.tests}
			with := append(tt.with, w.option(), server.WithTests(server.EngineLua, w.test))
			got, logged := f.failsToStart(f.options("hooks {\n"+tt.conf+"\n}"), with...)
			if !strings.HasPrefix(got, tt.want) { // a panic has a stack behind it
				t.Errorf("got %q, want %q", got, tt.want)
			}
			w.expect(t, tt.told...)
			if count(logged, "Listening") > 0 {
				t.Error("it began to listen")
			}
		})
	}
}

// TestHooksCheck: what -t does.
func TestHooksCheck(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1", "broken.lua", "broken")
	w := new(workshop)
	check := func(conf string) ([]string, error) {
		s, err := server.New(f.options(conf), w.option())
		must(t, err)
		warnings, err := s.Check()
		if again := s.Start(); again == nil {
			t.Error("it starts after the check")
		}
		s.Shutdown()
		return warnings, err
	}
	warnings, err := check(`hooks { load: [ { name: a, lua: a.lua, on_error: allow } ] }`)
	if want := []string{`hook "a" fails open at publish: on_error is allow`}; err != nil || !cmp.Equal(want, warnings) {
		t.Errorf("got %q, %v; want %q", warnings, err, want)
	}
	w.expect(t, "open a 1", "close a 1")
	if _, err := check(`hooks { load: [ { name: a, lua: broken.lua } ] }`); err == nil || !strings.Contains(err.Error(), `broken.lua:1: what is "broken"?`) {
		t.Errorf("got %v", err)
	}
	b, _, _ := f.start("")
	if _, err := b.Check(); err == nil {
		t.Error("a server that runs is checked")
	}
}

// TestHookWarnings are told when they begin to hold, not with each reload.
func TestHookWarnings(t *testing.T) {
	t.Parallel()
	f := newFolder(t, "a.lua", "version 1", "n.lua", "nothing")
	const open = `hooks { load: [ { name: a, lua: a.lua, on_error: { publish: skip } } ], reload: { require_tests: true } }`
	b, _, logged := f.start(open)
	const opens, tests = `hook "a" fails open at publish: on_error is skip`, `hooks.reload.require_tests: nothing runs the tests of hook "a"`
	if count(logged, opens) != 1 || count(logged, tests) != 1 {
		t.Errorf("no warnings: %v", logged.All())
	}
	must(t, b.Reload(f.options(open)))
	if n := count(logged, opens); n != 1 {
		t.Errorf("%d warnings, want 1", n)
	}
	must(t, b.Reload(f.options(`hooks { load: [ { name: n, lua: n.lua } ] }`)))
	if count(logged, `hook "n" asks for nothing`) != 1 {
		t.Errorf("no warning: %v", logged.All())
	}
	must(t, b.Reload(f.options(open)))
	if n := count(logged, opens); n != 2 {
		t.Errorf("%d warnings, want 2", n)
	}
	must(t, os.Mkdir(f.path("empty"), 0o700))
	must(t, b.Reload(f.options(`hooks { scripts_dir: empty }`)))
	if count(logged, "hooks.scripts_dir: there is no script in "+f.path("empty")) != 1 {
		t.Errorf("no warning: %v", logged.All())
	}
}

// TestHooksAreOfTheZeroOptions: an embedder needs to say nothing of them.
func TestHooksAreOfTheZeroOptions(t *testing.T) {
	t.Parallel()
	b, _ := startLogged(t, config.Options{Host: "127.0.0.1", Port: -1, HTTPHost: "127.0.0.1", HTTPPort: -1})
	var z hookz
	look(t, b, "/hookz", &z)
	if len(z.Hooks) > 0 {
		t.Errorf("there are hooks: %+v", z)
	}
}

// TestHooksOfStrangers: a hook that asks for an account that is not there is warned of,
// once, and no more when there is one.
func TestHooksOfStrangers(t *testing.T) {
	t.Parallel()
	o := loopback()
	o.Accounts = []config.Account{{Name: "SYS"}, {Name: "A"}}
	o.SystemAccount = "SYS"
	e := hooktest.Listener(func(hooks.Event) {})
	e.Wants[0].Accounts = []string{"A", "B", "B", "SYS", "$G"}
	b, logged := startLogged(t, o, server.WithHooks(hooktest.Spec("h", e)))
	const missing, system = `hook "h" is for account "B", which is not there`, `hook "h" is for account "SYS", which is the system account`
	if all := count(logged, `hook "h" is for account`); all != 2 || count(logged, missing) != 1 || count(logged, system) != 1 {
		t.Errorf("%d warnings, want one of B and one of SYS", all)
	}
	few := o.Accounts
	o.Accounts = append(few[:2:2], config.Account{Name: "B"})
	must(t, b.Reload(o))
	if n := count(logged, missing); n != 1 {
		t.Errorf("%d warnings when it is there, want no other", n)
	}
	o.Accounts = few
	must(t, b.Reload(o))
	if n := count(logged, missing); n != 2 {
		t.Errorf("%d warnings when it is gone again, want another", n)
	}
}
