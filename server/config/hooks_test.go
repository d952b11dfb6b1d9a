package config

import (
	"fmt"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// hookSamples are those of what all hooks have in common.
func hookSamples() map[string]sample {
	type v = [3]string
	type w = [3]any
	return map[string]sample{
		"hooks.scripts_dir":          texts("da", "db", ""),
		"hooks.notify":               booleans,
		"hooks.reload.watch":         {values: v{"false", "true", ""}, want: w{true, false}},
		"hooks.reload.require_tests": booleans,
		"hooks.reload.probation":     {values: v{`"3s"`, "-1s", ""}, want: w{3 * time.Second, -time.Second}},
		"hooks.breaker.threshold":    {values: v{"0.25", "1", ""}, want: w{0.25, 1.0}},
		"hooks.breaker.min_calls":    {values: v{"5", "1k", ""}, want: w{5, 1000}},
		"hooks.breaker.window":       {values: v{`"3s"`, "4m", ""}, want: w{3 * time.Second, 4 * time.Minute}},
		"hooks.breaker.cooldown":     {values: v{`"3s"`, "4m", ""}, want: w{3 * time.Second, 4 * time.Minute}},
		"hooks.cache.max_entries":    {values: v{"10", "2k", ""}, want: w{10, 2000}},
		"hooks.decision_log.sample":  {values: v{"0", "0.5", ""}, want: w{-1.0, 0.5}},
		"hooks.decision_log.denied":  {values: v{"1.0", "0", ""}, want: w{1.0, -1.0}},
		"hooks.kv.max_entries":       {values: v{"10", "2k", ""}, want: w{10, 2000}},
		"hooks.kv.max_bytes":         {values: v{"1MB", "2kb", ""}, want: w{int64(1 << 20), int64(2048)}},
		"hooks.http.allow":           {values: v{`[a.b, "*.c", "10.0.0.0/8"]`}, want: w{[]string{"a.b", "*.c", "10.0.0.0/8"}}},
		"hooks.http.deny":            {values: v{`["::1", "10.0.0.1"]`}, want: w{[]string{"::1", "10.0.0.1"}}},
		"hooks.http.ca":              texts("ca", "cb", ""),
	}
}

const hooksNATS = `accounts: [ A, B ]
hooks {
  load: [
    {
      name: auth
      lua: "hooks/auth.lua"
      config {
        Keys: "file:keys.json", big: 9007199254740993, small: -1, part: 0.5, on: true
        List: [ 1, "a.b", { Deep: { er: [] } } ]
        "with blank": x, since: 2024-01-02T03:04:05Z
      }
      mode: shadow
      on_error { default: skip, inspect: drop, connect: deny, rewrite: deny, publish: allow, subscribe: skip }
      timeout { default: "60ms", connect: "2s", rewrite: "1ms", publish: "2ms", subscribe: "3ms", inspect: "4ms" }
      limits { instructions: 2m, memory: 16MB, vms: 4, blocking_vms: 8 }
      accounts: [ A, B ]
      subjects: "orders.>"
      final: true
    }
    {
      NAME: orders
      Plugin: bin/orders
      args: [ "-v", x ]
      watch: rules.json
      env { LOG: info, Home: "" }
      sha256: "SUM"
      mtls: false
      window: 4
      batch { max: 16, bytes: 1MB }
      limits { memory: 512MB }
      restart { min: "1s", max: "1m" }
      attach: /run/orders.sock
      mode: off
      on_error: allow
      timeout: "70ms"
    }
    { name: stamp, builtin: stamp, settings { Headers: [ user ] } }
  ]
}
`

const hooksYAML = `accounts: [A, B]
hooks:
  load:
    - name: auth
      lua: hooks/auth.lua
      config:
        Keys: file:keys.json
        big: 9007199254740993
        small: -1
        part: 0.5
        on: true
        List: [1, a.b, {Deep: {er: []}}]
        with blank: x
        since: 2024-01-02T03:04:05Z
      mode: shadow
      on_error: {default: skip, inspect: drop, connect: deny, rewrite: deny, publish: allow, subscribe: skip}
      timeout: {default: 60ms, connect: 2s, rewrite: 1ms, publish: 2ms, subscribe: 3ms, inspect: 4ms}
      limits: {instructions: 2000000, memory: 16MiB, vms: 4, blocking_vms: 8}
      accounts: [A, B]
      subjects: [orders.>]
      final: true
    - Name: orders
      plugin: bin/orders
      args: [-v, x]
      watch: [rules.json]
      env: {LOG: info, Home: ""}
      sha256: SUM
      mtls: false
      window: 4
      batch: {max: 16, bytes: 1MiB}
      limits: {memory: 512MiB}
      restart: {min: 1s, max: 1m}
      attach: /run/orders.sock
      mode: off
      on_error: allow
      timeout: 70ms
    - {name: stamp, builtin: stamp, settings: {Headers: [user]}}
`

var hooksWant = []Hook{
	{
		Name: "auth", Lua: "hooks/auth.lua", Mode: "shadow", Final: true,
		Config: map[string]any{
			"Keys": "file:keys.json", "big": int64(9007199254740993), "small": int64(-1), "part": 0.5, "on": true,
			"List":       []any{int64(1), "a.b", map[string]any{"Deep": map[string]any{"er": []any{}}}},
			"with blank": "x", "since": "2024-01-02T03:04:05Z",
		},
		OnError:  HookOnError{Default: "skip", Inspect: "drop", Connect: "deny", Rewrite: "deny", Publish: "allow", Subscribe: "skip"},
		Timeout:  HookTimeouts{60 * time.Millisecond, 2 * time.Second, 1 * time.Millisecond, 2 * time.Millisecond, 3 * time.Millisecond, 4 * time.Millisecond},
		Limits:   HookLimits{Instructions: 2e6, Memory: 16 << 20, VMs: 4, BlockingVMs: 8},
		Accounts: []string{"A", "B"}, Subjects: []string{"orders.>"},
	},
	{
		Name: "orders", Plugin: "bin/orders", Args: []string{"-v", "x"}, Watch: []string{"rules.json"}, Env: map[string]string{"LOG": "info", "Home": ""},
		SHA256: strings.Repeat("9f", 32), NoMTLS: true, Window: 4, Batch: HookBatch{16, 1 << 20}, Limits: HookLimits{Memory: 512 << 20},
		Restart: HookRestart{time.Second, time.Minute}, Attach: "/run/orders.sock", Mode: "off",
		OnError: HookOnError{Default: "allow"}, Timeout: HookTimeouts{Default: 70 * time.Millisecond},
	},
	{Name: "stamp", Builtin: "stamp", Mode: "enforce", Config: map[string]any{"Headers": []any{"user"}}},
}

// TestHooks reads every key of a hook in both syntaxes.
func TestHooks(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{"a.conf": hooksNATS, "a.yaml": hooksYAML} {
		file := writeFile(t, name, strings.Replace(content, "SUM", strings.Repeat("9F", 32), 1))
		got, warnings, err := LoadFile(file, nil)
		if err != nil || warnings != nil {
			t.Errorf("%s: %v, warnings %q", name, err, warnings)
			continue
		}
		if diff := cmp.Diff(hooksWant, got.Hooks.Load); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, it := range known().all() {
			last := it.path[strings.LastIndex(it.path, ".")+1:]
			if strings.HasPrefix(it.path, "hooks.load.") && !regexp.MustCompile(`(?i)\b`+last+`\b`).MatchString(content) {
				t.Errorf("%s: %s is not in it", name, it.path)
			}
		}
	}
}

// TestHookDefaults: a hook without settings has those of its engine, but for the
// mode.
func TestHookDefaults(t *testing.T) {
	t.Parallel()
	got := Options{Hooks: Hooks{Load: []Hook{{Name: "a", Lua: "a.lua"}}}}.WithDefaults()
	want := []Hook{{Name: "a", Lua: "a.lua", Mode: "enforce"}}
	if diff := cmp.Diff(want, got.Hooks.Load); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHookProblems(t *testing.T) {
	t.Parallel()
	const name = `a name of letters, digits, "_", "-" and "."`
	tests := []struct {
		name, nats string
		want       []string // without the file
	}{
		{"unknown key", "hooks {\n  laod: []\n}", []string{`2:3: unknown key "hooks.laod"; did you mean "hooks.load"?`}},
		{
			"unknown key of a hook", "hooks { load: [\n  { name: a, lua: b, subject: c }\n] }",
			[]string{`2:22: unknown key "hooks.load.subject"; did you mean "hooks.load.subjects"?`},
		},
		{
			"unknown points", "hooks { load: [ { name: a, lua: b\n  on_error { conect: deny }\n  timeout { event: \"1s\" } } ] }",
			[]string{
				`2:14: unknown key "hooks.load.on_error.conect"; did you mean "hooks.load.on_error.connect"?`,
				`3:13: unknown key "hooks.load.timeout.event"`,
			},
		},
		{
			"unknown words", "hooks { load: [ { name: a, lua: b\n  mode: on\n  on_error: pass }\n { name: c, lua: d\n mode: dry\n on_error { publish: drop, inspect: no } } ] }",
			[]string{
				`2:3: "hooks.load.mode": got true; must be ` + anyText,
				`3:3: "hooks.load.on_error.default": got "pass"; must be "deny" or "allow" or "skip"`,
				`5:2: "hooks.load.mode": got "dry"; must be "enforce" or "shadow" or "off"`,
				`6:13: "hooks.load.on_error.publish": got "drop"; must be "deny" or "allow" or "skip"`,
				`6:28: "hooks.load.on_error.inspect": got false; must be ` + anyText,
			},
		},
		{
			"names", "hooks { load: [\n  { lua: a }\n  { name: \"a b\", lua: b }\n  { name: c, builtin: \"x y\" }\n  { name: e, lua: d }\n  { name: e, lua: d } ] }",
			[]string{
				`2:5: "hooks.load.name" is missing`,
				`3:5: "hooks.load.name": got "a b"; must be ` + name,
				`4:14: "hooks.load.builtin": got "x y"; must be ` + name,
				`6:5: "hooks.load": "e" is given twice; must be one hook`,
			},
		},
		{
			"what it is", "hooks { load: [\n  { name: a }\n  { name: b, lua: x, plugin: y }\n  { name: c, lua: x, plugin: y, builtin: z }\n  d\n] }",
			[]string{
				`2:5: "hooks.load": "a" is nothing; must have one of "lua", "plugin" and "builtin"`,
				`3:22: "hooks.load": "b" is lua and plugin at once; must be one of them`,
				`4:22: "hooks.load": "c" is lua and plugin and builtin at once; must be one of them`,
				`5:3: "hooks.load": got "d"; must be a block { … }`,
			},
		},
		{
			"keys of others", "hooks { load: [\n  { name: a, lua: x, args: y, mtls: false, watch: z, batch { max: 5, bytes: 6 } }\n" +
				"  { name: b, plugin: x, limits { vms: 5, blocking_vms: 3, instructions: 4, memory: 5 } }\n" +
				"  { name: c, builtin: x, limits { memory: 5 }, env { A: b }, window: 1, restart { min: 1, max: 2 }, attach: f, mtls: false, sha256: \"" + strings.Repeat("00", 32) + "\" } ] }",
			[]string{
				`2:22: "hooks.load.args": is of plugin hooks; must be left out of a lua hook`,
				`2:31: "hooks.load.mtls": is of plugin hooks; must be left out of a lua hook`,
				`2:44: "hooks.load.watch": is of plugin hooks; must be left out of a lua hook`,
				`2:62: "hooks.load.batch.max": is of plugin hooks; must be left out of a lua hook`,
				`2:70: "hooks.load.batch.bytes": is of plugin hooks; must be left out of a lua hook`,
				`3:34: "hooks.load.limits.vms": is of lua hooks; must be left out of a plugin hook`,
				`3:42: "hooks.load.limits.blocking_vms": is of lua hooks; must be left out of a plugin hook`,
				`3:59: "hooks.load.limits.instructions": is of lua hooks; must be left out of a plugin hook`,
				`4:35: "hooks.load.limits.memory": is of lua and plugin hooks; must be left out of a builtin hook`,
				`4:48: "hooks.load.env": is of plugin hooks; must be left out of a builtin hook`,
				`4:62: "hooks.load.window": is of plugin hooks; must be left out of a builtin hook`,
				`4:83: "hooks.load.restart.min": is of plugin hooks; must be left out of a builtin hook`,
				`4:91: "hooks.load.restart.max": is of plugin hooks; must be left out of a builtin hook`,
				`4:101: "hooks.load.attach": is of plugin hooks; must be left out of a builtin hook`,
				`4:112: "hooks.load.mtls": is of plugin hooks; must be left out of a builtin hook`,
				`4:125: "hooks.load.sha256": is of plugin hooks; must be left out of a builtin hook`,
			},
		},
		{
			"scopes", "hooks { load: [ { name: a, lua: x\n  accounts: [ \"a b\" ]\n  subjects: [ \"a..b\", \">.a\" ] } ] }",
			[]string{
				`2:16: "hooks.load.accounts": got "a b"; must be a name without blanks`,
				`3:16: "hooks.load.subjects": got "a..b"; must be a subject, which may have wildcards`,
				`3:24: "hooks.load.subjects": got ">.a"; must be a subject, which may have wildcards`,
			},
		},
		{
			"accounts", "accounts { A {} }\nhooks { load: [ { name: a, lua: x\n  accounts: [ A, \"$G\", B, \"$SYS\" ] } ] }",
			[]string{
				`3:24: "hooks.load.accounts": there is no account "B"; must be "$G" or one of "accounts"`,
				`3:28: "hooks.load.accounts": "$SYS" is the system account, which no hook is asked about`,
			},
		},
		{
			"numbers", "hooks { load: [ { name: a, lua: x\n  timeout: \"-1s\"\n  limits { vms: -1, memory: -1 } } ]\n" +
				"  breaker { threshold: 1.5, min_calls: -1, window: \"-1s\", cooldown: x }\n  decision_log { sample: -0.5, denied: all }\n  cache { max_entries: -1 }\n  kv { max_bytes: -1 } }",
			[]string{
				`2:3: "hooks.load.timeout.default": got "-1s"; must be a duration such as "2m", above 0`,
				`3:12: "hooks.load.limits.vms": got -1; must be a whole number from 0 to 65535`,
				`3:21: "hooks.load.limits.memory": got -1; must be a size of at least 1, in bytes or with a suffix such as KB or MB, without quotes`,
				`4:13: "hooks.breaker.threshold": got 1.5; must be a number from 0 to 1`,
				`4:29: "hooks.breaker.min_calls": got -1; must be a whole number from 1 to 2147483647`,
				`4:44: "hooks.breaker.window": got "-1s"; must be a duration such as "2m", above 0`,
				`4:59: "hooks.breaker.cooldown": got "x"; must be a duration such as "2m", above 0`,
				`5:18: "hooks.decision_log.sample": got -0.5; must be a number from 0 to 1`,
				`5:32: "hooks.decision_log.denied": got "all"; must be a number from 0 to 1`,
				`6:11: "hooks.cache.max_entries": got -1; must be a whole number from 1 to 2147483647`,
				`7:8: "hooks.kv.max_bytes": got -1; must be a size of at least 1, in bytes or with a suffix such as KB or MB, without quotes`,
			},
		},
		{
			"plugins", "hooks { load: [ { name: a, plugin: x\n  sha256: abc\n  attach: f\n  restart { min: \"2s\", max: \"1s\" }\n  env { \"A=B\": c, D: 5 } } ] }",
			[]string{
				`2:3: "hooks.load.sha256": got "abc"; must be 64 hexadecimal digits`,
				`3:3: "hooks.load.attach": the plugin has no certificate of the broker; must come with "mtls: false"`,
				`4:13: "hooks.load.restart.min": 2s is above "max" (1s); must be at most that`,
				`5:3: "hooks.load.env": "A=B" is no name of a variable`,
				`5:19: "hooks.load.env.D": got a number; must be ` + anyText,
			},
		},
		{
			"settings of its own", "hooks { load: [ { name: a, lua: x\n  config: [ a ] }\n  { name: b, lua: x\n config { a { b: [ " + strings.Repeat("[", 32) + strings.Repeat("]", 32) + " ] } } } ] }",
			[]string{
				`2:3: "hooks.load.config": got a list; must be a block { … }`,
				`4:54: "hooks.load.config.a.b` + strings.Repeat("[0]", 31) + `": lies more than 32 blocks and lists deep; must be flatter`,
			},
		},
		{"notify", "hooks {\n  notify: rarely\n}", []string{`2:3: "hooks.notify": got "rarely"; must be true or false`}},
		{
			"folder and list", "hooks { scripts_dir: d\n  load: [ { name: a, lua: b } ] }",
			[]string{`1:9: "hooks.scripts_dir": is set together with "load"; must be one of them`},
		},
		{
			"hosts", "hooks { http {\n  allow: [ \"http://a\", \"a b\", \"10.0.0.0/99\" ]\n  deny: \"*.*\" } }",
			[]string{
				`2:13: "hooks.http.allow": got "http://a"; must be a host, "*.domain", an address or a network such as "10.0.0.0/8"`,
				`2:25: "hooks.http.allow": got "a b"; must be a host, "*.domain", an address or a network such as "10.0.0.0/8"`,
				`2:32: "hooks.http.allow": got "10.0.0.0/99"; must be a host, "*.domain", an address or a network such as "10.0.0.0/8"`,
				`3:3: "hooks.http.deny": got "*.*"; must be a host, "*.domain", an address or a network such as "10.0.0.0/8"`,
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := writeFile(t, "a.conf", tt.nats)
			_, _, err := LoadFile(file, nil)
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.Split(strings.ReplaceAll(err.Error(), file+":", ""), "\n")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

// TestHookProblemsInYAML: places and words are the same where the syntax allows
// it.
func TestHookProblemsInYAML(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "a.yaml", `hooks:
  load:
    - {name: a, lua: x, config: {a: .inf, b: [.nan]}}
    - name: a
      lua: x
      mode: yes
      plugin: z
  reload: {watch: 1}
`)
	_, _, err := LoadFile(file, nil)
	want := []string{
		`3:34: "hooks.load.config.a": must be a finite number`,
		`3:47: "hooks.load.config.b[0]": must be a finite number`,
		`4:7: "hooks.load": "a" is given twice; must be one hook`,
		`6:7: "hooks.load.mode": got "yes"; must be "enforce" or "shadow" or "off"`,
		`7:7: "hooks.load": "a" is lua and plugin at once; must be one of them`,
		`8:12: "hooks.reload.watch": got 1; must be true or false`,
	}
	got := strings.Split(strings.ReplaceAll(fmt.Sprint(err), file+":", ""), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestValidateHooks is about what only code can say.
func TestValidateHooks(t *testing.T) {
	t.Parallel()
	deep := any("x")
	for range 40 {
		deep = []any{deep}
	}
	o := Options{Hooks: Hooks{
		Load: []Hook{
			{Lua: "a"},
			{Name: "b", Lua: "b", Config: map[string]any{"n": 5}},
			{Name: "c", Lua: "b", Config: map[string]any{"n": []any{math.NaN()}}},
			{Name: "d", Lua: "b", Config: map[string]any{"deep": deep}},
		},
		Breaker: HooksBreaker{Threshold: -0.5}, DecisionLog: HooksDecisionLog{Sample: -1, Denied: 2},
	}}
	want := []string{
		`"hooks.breaker.threshold": got -0.5; must be a number from 0 to 1`,
		`"hooks.decision_log.denied": got 2; must be a number from 0 to 1`,
		`"hooks.load": a hook without a name; must have one`,
		`"hooks.load.config": of "b": "n": a int is none of text, bool, int64, float64, []any and map[string]any`,
		`"hooks.load.config": of "c": "n": [0]: must be a finite number`,
		`"hooks.load.config": of "d": "deep": ` + strings.Repeat("[0]: ", 32) + `lies more than 32 maps and lists deep; must be flatter`,
	}
	if diff := cmp.Diff(want, strings.Split(fmt.Sprint(o.Validate()), "\n")); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

// TestHookSettingsAreCopied: what WithDefaults returns shares nothing.
func TestHookSettingsAreCopied(t *testing.T) {
	t.Parallel()
	inner := map[string]any{"a": []any{"b"}}
	o := Options{Hooks: Hooks{Load: []Hook{{Name: "a", Lua: "a", Config: map[string]any{"in": inner, "none": nil}}}}}
	got := o.WithDefaults().Hooks.Load[0].Config
	if diff := cmp.Diff(o.Hooks.Load[0].Config, got); diff != "" {
		t.Errorf("the copy differs (-want +got):\n%s", diff)
	}
	inner["a"].([]any)[0] = "changed"
	if want := map[string]any{"in": map[string]any{"a": []any{"b"}}, "none": nil}; !reflect.DeepEqual(got, want) {
		t.Errorf("the copy changed: %v", got)
	}
}

// TestHookSettingsAreSecret: they may be keys and passwords.
func TestHookSettingsAreSecret(t *testing.T) {
	t.Parallel()
	o := Options{Hooks: Hooks{Load: []Hook{{Name: "a", Plugin: "a", Config: map[string]any{"k": "hunter2"}, Env: map[string]string{"K": "hunter2"}}}}}
	j, err := o.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{o.String(), fmt.Sprintf("%#v", o), string(j)} {
		if strings.Contains(s, "hunter2") {
			t.Errorf("shown: %s", s)
		}
	}
}

func TestHookPath(t *testing.T) {
	t.Parallel()
	abs := filepath.Join(string(filepath.Separator), "x", "a.lua")
	for _, tt := range []struct{ file, path, want string }{
		{"", "a.lua", "a.lua"},
		{filepath.Join("etc", "m.conf"), "a.lua", filepath.Join("etc", "a.lua")},
		{filepath.Join("etc", "m.conf"), filepath.Join("..", "a.lua"), "a.lua"},
		{filepath.Join("etc", "m.conf"), abs, abs},
	} {
		o := Options{ConfigFile: tt.file}
		if got := o.HookPath(tt.path); got != tt.want {
			t.Errorf("%q beside %q: got %q, want %q", tt.path, tt.file, got, tt.want)
		}
	}
}
