package lua

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"moonwire/hooks"
	"moonwire/hooks/lua/library"
	"moonwire/hooks/lua/sandbox"
)

// refused opens a script that is wrong, and returns why.
func refused(t *testing.T, o Options) string {
	t.Helper()
	if o.Name == "" {
		o.Name = "test"
	}
	o.Clock = frozen // no time passes, so that instructions end what is endless
	s, err := Open(context.Background(), o)
	if err == nil {
		_ = s.Close(context.Background())
		t.Errorf("%s was opened", o.Source)
		return ""
	}
	return err.Error()
}

// TestLoadErrors: what is wrong with a script shows when it is opened, with file
// and line.
func TestLoadErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ source, want string }{
		{"", "test.lua registers nothing: call hook.connect"},
		{"local x = ", "test.lua:1: "},
		{"\nerror('no')", "test.lua:2: no"},
		{"while true do end", "test.lua:1: the script used up its instructions"},
		{"\nhook.publish()", "test.lua:2: hook.publish: argument #1 is a no value; want the function"},
		{"hook.publish(nil, function() end)", "argument #1 is a nil; want the function"},
		{"hook.publish(5)", "argument #1 is a number; want the function"},
		{"hook.publish('a')", "argument #2 is a no value; want the function"},
		{"hook.publish('a', 'b')", "argument #2 is a string; want the function"},
		{"hook.publish('a', function() end, 'x')", "argument #3 is a string; want a table of options"},
		{"hook.publish('a', function() end, {}, 1)", "there are 4 arguments"},
		{"hook.publish(function() end, {}, 1)", "there are 3 arguments"},
		{"hook.publish({}, function() end)", "subjects: the list is empty; leave it out for all"},
		{"hook.publish({ 5 }, function() end)", "subjects: element 1 is a number; want a text"},
		{"hook.publish({ a = 'b' }, function() end)", "subjects: it has keys or holes"},
		{"hook.publish('a..b', function() end)", `subjects: "a..b" is not a valid subject`},
		{"hook.subscribe('a b', function() end)", `subjects: "a b" is not a valid subject`},
		{"hook.publish(function() end, { acounts = 'A' })", `hook.publish: options: unknown key "acounts"; did you mean "accounts"?`},
		{"hook.publish(function() end, { 'A' })", "options: a key is a number; known are accounts, cache, max_payload"},
		{"hook.publish(function() end, { accounts = {} })", "accounts: the list is empty"},
		{"hook.publish(function() end, { accounts = { '' } })", "accounts: an account is empty"},
		{"hook.publish(function() end, { max_payload = 0 })", "max_payload is 0; want a whole number from 1"},
		{"hook.publish(function() end, { max_payload = '1' })", "max_payload is a string; want a whole number"},
		{"hook.publish(function() end, { cache = 5 })", "cache is a number; want a table"},
		{"hook.publish(function() end, { cache = {} })", "cache.by is a nil; want a text or a list of texts"},
		{"hook.publish(function() end, { cache = { by = 'user' } })", "cache keeps nothing: set ttl, negative_ttl, or both"},
		{"hook.publish(function() end, { cache = { by = 'user', ttl = -1 } })", "cache.ttl is -1"},
		{"hook.publish(function() end, { cache = { by = 'user', ttl = 1, negativ_ttl = 1 } })", `cache: unknown key "negativ_ttl"; did you mean "negative_ttl"?`},
		{"hook.publish(function() end, { cache = { by = {}, ttl = 1 } })", "cache.by: the list is empty"},
		{"hook.publish(function() end, { cache = { by = 'usr', ttl = 1 } })", `cache.by: an answer cannot be kept by "usr"; did you mean "user"?`},
		{"hook.publish(function() end, { cache = { by = 'payload', ttl = 1 } })", `cache.by: an answer cannot be kept by "payload"; known are user, account`},
		{"hook.publish(function() end, { cache = { by = 'tags.', ttl = 1 } })", `cache.by: an answer cannot be kept by "tags."`},
		{"hook.inspect(function() end, { cache = { by = 'user', ttl = 1 } })", `hook.inspect: options: unknown key "cache"; known are accounts, max_payload`},
		{"hook.subscribe(function() end, { max_payload = 1 })", `hook.subscribe: options: unknown key "max_payload"`},
		{"hook.connect('a', function() end)", "hook.connect: argument #1 is a string; want the function"},
		{"hook.connect(function() end, {})", "hook.connect: argument #2 is a table; want the function alone"},
		{"hook.event('disconect', function() end)", `hook.event: types: there is no event "disconect"; did you mean "disconnect"?`},
		{"hook.event({}, function() end)", "hook.event: types: the list is empty"},
		{"hook.version()", "test.lua:1: hook.version: want one text of 1 to 64 bytes"},
		{"hook.version('1', '2')", "hook.version: want one text"},
		{"hook.nothing(function() end)", `test.lua:1: hook has no "nothing"; known are connect, event, inspect,`},
		{"allow = 1", "cannot set global allow: it is read-only"},
		{"hook = {}", "cannot set global hook: it is read-only"},
		{"hook.publish = 1", "read-only"},
		{"config.x = 1", "read-only"},
		{"require('nothing')", `test.lua:1: require "nothing": `},
		{"for i = 1, 1001 do hook.connect(function() end) end", "a script registers at most 1000 functions"},
		{"pcall(hook.publish, 5)", "registers nothing"},
	} {
		got := refused(t, Options{File: filepath.Join(t.TempDir(), "test.lua"), Source: []byte(tt.source)})
		if !strings.Contains(got, tt.want) {
			t.Errorf("%s:\n got %s\nwant %s", tt.source, got, tt.want)
		}
	}
}

// TestOptions: what is wrong with the options is told all at once.
func TestOptions(t *testing.T) {
	t.Parallel()
	lib := &library.Module{Name: "x"}
	_, err := Options{
		Limits: Limits{VMs: -1}, Timeout: hooks.PerPoint[time.Duration]{hooks.AtPublish: -1},
		Libraries: []*library.Module{lib, lib, {}, {Name: "log"}},
	}.withDefaults()
	for _, want := range []string{
		"the hook has no name", "the hook has no script", "limits: one is negative", "timeout.publish is negative",
		`library "x": the name is empty or used twice`, `library "": `, `library "log": `,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	o, err := Options{Name: "x", File: "a/b.lua"}.withDefaults()
	if err != nil || o.Modules != "a" || o.Limits.Instructions != 1_000_000 || o.Limits.Memory != 8<<20 || o.Limits.BlockingVMs != 32 ||
		o.Limits.VMs < 1 || o.Timeout[hooks.AtConnect] != time.Second || o.Timeout[hooks.AtEvent] != time.Second || o.Timeout[hooks.AtPublish] != 50*time.Millisecond {
		t.Errorf("got %+v, %v", o, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Open(ctx, Options{Name: "x", Source: []byte("hook.publish(function() end)")}); !errors.Is(err, context.Canceled) {
		t.Errorf("a context that has ended: got %v", err)
	}
}

// folder makes files in a new folder, and returns its path.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestModules: a script requires modules from its folder and libraries before
// them, and each once.
func TestModules(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"auth.lua":         `local a, b, lib = require "a", require "deep.b_2-x", require "lib" hook.publish(function() return deny(a.name .. b .. lib.name() .. tostring(require("a") == a)) end)`,
		"a.lua":            `local b = require "deep.b_2-x" return { name = "a" .. b }`,
		"lib.lua":          `return { name = function() return "not this one" end }`,
		"deep/b_2-x.lua":   `assert(... == "deep.b_2-x") return "b"`,
		"never/needed.lua": `error("x")`,
	})
	lib := &library.Module{Name: "lib", Functions: []library.Function{{Name: "name", Do: func(a *sandbox.Args) error {
		a.Return(sandbox.String("lib"))
		return nil
	}}}}
	s := openWith(t, "", Options{File: filepath.Join(dir, "auth.lua"), Libraries: []*library.Module{lib}})
	if c := ask(t, s, callAt(hooks.AtPublish)); c.Out.Reason != "abblibtrue" {
		t.Errorf("got %+v, %v", c.Out, c.Err)
	}
	want := []string{filepath.Join(dir, "auth.lua"), filepath.Join(dir, "a.lua"), filepath.Join(dir, "deep/b_2-x.lua")}
	if diff := cmp.Diff(want, s.Files()); diff != "" {
		t.Error(diff)
	}
}

// TestModuleErrors: what is wrong with a module, or is none, and all ways out of
// the folder.
func TestModuleErrors(t *testing.T) {
	t.Parallel()
	outside := folder(t, map[string]string{"secret.lua": `return "secret"`})
	dir := folder(t, map[string]string{
		"syntax.lua":    "x = = 1",
		"broken.lua":    "\nerror('broken')",
		"self.lua":      `return require "self"`,
		"inner/x.lua":   "return 1",
		"noext":         "return 1",
		"dir.lua/x.lua": "return 1",
		"large.lua":     "--" + strings.Repeat("x", sandbox.MaxSource),
	})
	for name, to := range map[string]string{
		"link.lua": filepath.Join(outside, "secret.lua"), "linked": outside, "up": "..", "inside.lua": "inner/x.lua",
	} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe.lua"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := filepath.Base(outside)
	for _, tt := range []struct{ name, want string }{
		{"missing", "there is no such library, nor missing.lua in " + dir},
		{"noext", "there is no such library, nor noext.lua"},
		{"syntax", "syntax.lua:1: "},
		{"broken", "broken.lua:2: broken"},
		{"self", "module self requires itself"},
		{"large", "larger than"},
		{"dir", "dir.lua is not a regular file"},
		{"pipe", "pipe.lua is not a regular file"},
		{"link", "path escapes from parent"},
		{"linked.secret", "path escapes from parent"},
		{"up." + base + ".secret", "path escapes from parent"},
		{"..secret", "a module is named by letters"},
		{"../secret", "a module is named by letters"},
		{"inner/x", "a module is named by letters"},
		{"inner\\\\x", "a module is named by letters"},
		{outside + "/secret", "a module is named by letters"},
		{"inner..x", "a module is named by letters"},
		{".inner", "a module is named by letters"},
		{"inner.", "a module is named by letters"},
		{"x\\0", "a module is named by letters"},
		{"", "a module is named by letters"},
		{"é", "a module is named by letters"},
		{strings.Repeat("x", 129), "at most 128 bytes"},
	} {
		got := refused(t, Options{File: filepath.Join(dir, "test.lua"), Source: []byte(`require "` + tt.name + `"`)})
		if !strings.Contains(got, tt.want) || strings.Contains(got, "secret\"") && !strings.Contains(tt.name, "secret") {
			t.Errorf("%q:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
	s := openWith(t, "", Options{File: filepath.Join(dir, "test.lua"), Source: []byte(`local x = require "inside" hook.publish(function() return deny(tostring(x)) end)`)})
	if c := ask(t, s, callAt(hooks.AtPublish)); c.Out.Reason != "1" {
		t.Errorf("a link within the folder: got %+v", c.Out)
	}
}

// TestModulesAreSealed: what runs is what was opened, whatever happens to the
// files later.
func TestModulesAreSealed(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"a.lua": `return "first"`, "late.lua": "return 1"})
	loads := 0
	lib := &library.Module{Name: "lib", Functions: []library.Function{{Name: "load", Do: func(a *sandbox.Args) error {
		loads++
		a.Return(sandbox.Bool(loads > 3))
		return nil
	}}}}
	s := openWith(t, "", Options{
		File: filepath.Join(dir, "test.lua"), Libraries: []*library.Module{lib}, Limits: Limits{VMs: 2},
		Source: []byte(`local a, lib = require "a", require "lib"
			local late = lib.load() and require "late"
			hook.publish(function(req) if req.subject == "break" then while true do end end return deny(a) end)`),
	})
	if err := os.WriteFile(filepath.Join(dir, "a.lua"), []byte(`return "second"`), 0o600); err != nil {
		t.Fatal(err)
	}
	calls := batch("x", "break", "x", "break", "x")
	if err := s.Do(context.Background(), 0, calls); err != nil {
		t.Fatal(err)
	}
	if got := calls[0].Out.Reason + calls[2].Out.Reason; got != "firstfirst" {
		t.Errorf("got %q", got)
	}
	// The fourth machine would load another module.
	if err := calls[4].Err; err == nil || !strings.Contains(err.Error(), "the script did not require it when it was opened") {
		t.Errorf("a module that comes late: got %v", err)
	}
}

// TestDrift: a script that registers other functions in another machine is of no
// use, and says so.
func TestDrift(t *testing.T) {
	t.Parallel()
	for _, source := range []string{
		`hook.publish(function() return allow() end) if n() > 1 then hook.publish(function() end) end`,
		`hook.publish("s" .. n(), function() return allow() end)`,
		`if n() == 1 then hook.publish(function() return allow() end) else hook.rewrite(function() end) end`,
		`hook.publish(function() return allow() end, { accounts = "A" .. n() })`,
		`hook.publish(function() return allow() end, n() > 1 and { cache = { by = "user", ttl = 1 } } or nil)`,
		`hook.event(n() > 1 and "connect" or "disconnect", function() end)`,
	} {
		got := refused(t, counting(source))
		if !strings.Contains(got, errDrift.Error()) {
			t.Errorf("%s: got %s", source, got)
		}
	}
	s := openWith(t, "", counting(`hook.publish(function() return allow() end) if n() == 1 then hook.publish(function() return deny() end) end`))
	for i := range 2 {
		calls := batch("x")
		if err := s.Do(context.Background(), i, calls); err != nil {
			t.Fatal(err)
		}
		if kind(calls[0].Err) != "runtime" || !errors.Is(calls[0].Err, errDrift) {
			t.Errorf("too few, function %d: got %+v, %v", i, calls[0].Out, calls[0].Err)
		}
	}
}

// counting is options with a function n that returns which machine loads it.
func counting(source string) Options {
	n := 0
	lib := &library.Module{Name: "n", Functions: []library.Function{{Name: "n", Do: func(a *sandbox.Args) error {
		n++
		a.Return(sandbox.Number(float64(n)))
		return nil
	}}}}
	return Options{
		Name: "test", File: "test.lua", Source: []byte("local n = require('n').n " + source),
		Libraries: []*library.Module{lib}, Limits: Limits{VMs: 1},
	}
}

// TestVersion: the sum of a script alone is that of its file; modules change it.
func TestVersion(t *testing.T) {
	t.Parallel()
	source := `hook.version("1.2") hook.publish(function() end)`
	sum := sha256.Sum256([]byte(source))
	version, got := open(t, source).Version()
	if version != "1.2" || got != hex.EncodeToString(sum[:]) {
		t.Errorf("got %q, %s", version, got)
	}
	sums := make(map[string]bool)
	for _, module := range []string{"return 1", "return 2"} {
		dir := folder(t, map[string]string{"a.lua": module, "test.lua": `require "a" hook.publish(function() end)`})
		_, sum := openWith(t, "", Options{File: filepath.Join(dir, "test.lua")}).Version()
		sums[sum] = true
	}
	if len(sums) != 2 {
		t.Errorf("the sums of two modules: %v", sums)
	}
}

// TestDescribe: what a script registers, and where.
func TestDescribe(t *testing.T) {
	t.Parallel()
	s := open(t, `local function f() end

hook.connect(f)
hook.publish("a.>", function() end, { accounts = "A", max_payload = 100 })
hook.rewrite({ "b", "c.*" }, f, { cache = { by = { "user", "tags.role", "header.X" }, ttl = 30, negative_ttl = 0.5 } })
hook.subscribe(
	function() end)
hook.inspect(f, { max_payload = 5 })
hook.event("connect", f, { accounts = { "A", "B" } })
hook.event(deny)`)
	want := []Handler{
		{Point: hooks.AtConnect, File: "test.lua", Line: 1},
		{Point: hooks.AtPublish, Subjects: []string{"a.>"}, Accounts: []string{"A"}, MaxPayload: 100, File: "test.lua", Line: 4},
		{Point: hooks.AtRewrite, Subjects: []string{"b", "c.*"}, File: "test.lua", Line: 1, Cache: &hooks.CachePolicy{
			By:  hooks.Fields{Set: hooks.FieldUser, Tags: []string{"role"}, Headers: []string{"X"}},
			TTL: 30 * time.Second, NegativeTTL: 500 * time.Millisecond,
		}},
		{Point: hooks.AtSubscribe, File: "test.lua", Line: 7},
		{Point: hooks.AtInspect, MaxPayload: 5, File: "test.lua", Line: 1},
		{Point: hooks.AtEvent, Events: []string{"connect"}, Accounts: []string{"A", "B"}, File: "test.lua", Line: 1},
		{Point: hooks.AtEvent, File: "test.lua", Line: 10},
	}
	if diff := cmp.Diff(want, s.Describe()); diff != "" {
		t.Error(diff)
	}
	set, err := hooks.Compile([]hooks.Hook{{Name: "h", Engine: s}}, hooks.Options{})
	if err != nil {
		t.Fatalf("hooks do not take the registrations: %v", err)
	}
	if err := set.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestConfig: a script reads its configuration, and what files hold for it.
func TestConfig(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{
		"keys.json": `{"keys": [{"kid": "a", "n": 5}], "ok": true}`, "secret.txt": "hush\n",
		"bad.json": "{", "more.json": "{} {}",
	})
	o := Options{
		File:   filepath.Join(dir, "test.lua"),
		Source: []byte(`hook.publish(function() return deny(config.text .. config.n .. config.list[2] .. config.map.x .. config.jwks.keys[1].kid .. config.secret .. config.map.f) end)`),
		Config: map[string]any{
			"text": "t", "n": 5, "list": []any{"a", "b"}, "map": map[string]any{"x": "y", "f": "file:not this one"},
			"jwks": "file:keys.json", "secret": "file:" + filepath.Join(dir, "secret.txt"),
		},
	}
	s := openWith(t, "", o)
	if c := ask(t, s, callAt(hooks.AtPublish)); c.Out.Reason != "t5byahush file:not this one" {
		t.Errorf("got %+v, %v", c.Out, c.Err)
	}
	want := []string{filepath.Join(dir, "keys.json"), filepath.Join(dir, "secret.txt")}
	if diff := cmp.Diff(want, s.Files()); diff != "" {
		t.Error(diff)
	}
	if o.Config["jwks"] != "file:keys.json" {
		t.Errorf("the caller's configuration was changed: %v", o.Config)
	}

	o.Config = map[string]any{"a": "file:missing", "b": "file:bad.json", "c": "file:more.json", "d": "file:."}
	got := refused(t, o)
	for _, want := range []string{"config.a: stat ", "config.b: ", "bad.json is not JSON", "config.c: ", "there is more behind its value", "config.d: ", "is not a regular file"} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	o.Config = map[string]any{"x": make(chan int)}
	if got := refused(t, o); !strings.Contains(got, "config: a chan int has no form in Lua") {
		t.Errorf("got %s", got)
	}
}

// TestConfigIsReadOnly: no part of the configuration can be changed, in any way
// that there is.
func TestConfigIsReadOnly(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"config", "config.map", "config.list", "config.list[1]"} {
		for _, write := range []string{"%s.x = 1", "%s[1] = 1", "rawset(%s, 'x', 1)", "table.insert(%s, 1)", "table.remove(%s)", "table.sort(%s)", "setmetatable(%s, {})"} {
			write = fmt.Sprintf(write, where)
			s := openWith(t, fmt.Sprintf("hook.publish(function() if pcall(function() %s end) then return deny('written') end end)", write),
				Options{Config: map[string]any{"map": map[string]any{"x": 0}, "list": []any{map[string]any{"x": 0}, 1}, "x": 0}})
			if c := ask(t, s, callAt(hooks.AtPublish)); c.Out.Verdict != hooks.Pass || c.Err != nil {
				t.Errorf("%s: got %+v, %v", write, c.Out, c.Err)
			}
		}
	}
}

// TestFileMissing: without a script there is nothing to open.
func TestFileMissing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if got := refused(t, Options{File: filepath.Join(dir, "no.lua")}); !strings.Contains(got, "reading the script: stat ") {
		t.Errorf("got %s", got)
	}
	if got := refused(t, Options{File: dir}); !strings.Contains(got, "is not a regular file") {
		t.Errorf("got %s", got)
	}
	if got := refused(t, Options{Source: []byte(`require "x"`), Modules: filepath.Join(dir, "no")}); !strings.Contains(got, "opening the folder of modules") {
		t.Errorf("got %s", got)
	}
}
