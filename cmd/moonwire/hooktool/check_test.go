package hooktool

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

// TestCheck: what hooks ask for, and what is wrong with them.
func TestCheck(t *testing.T) {
	t.Parallel()
	const full = `hook.version("1.2")
hook.connect(function() return allow() end)
hook.publish({ "a", "b.>" }, function() end, { accounts = { "A", "B" }, cache = { by = { "user", "tags.x" }, ttl = 30, negative_ttl = 5 }, max_payload = 100 })
hook.event(function() end)
hook.event({ "connect", "disconnect" }, function() end)`
	d := newDesktop(t, "full.lua", full, "bad.lua", "\nhook.publish(1)", "worse.lua", "oops", "none.lua", "local x = 1",
		"s.conf", "accounts { A {}, B {} }\nhooks { load: [ { name: one, lua: full.lua, on_error: allow }, { name: two, lua: full.lua, mode: shadow }, { name: three, lua: none.lua, mode: off } ] }",
		"bad.conf", "hooks { load: [ { name: one, lua: bad.lua }, { name: two, lua: full.lua }, { name: three, lua: worse.lua } ] }",
		"key.conf", "hooks { load: [ { name: one, lau: bad.lua } ] }",
		"empty.conf", "max_payload: 16MB",
		"slip.lua", "hook.publish('a', function() return denied('x') end)\nhook.connect(function()\n  if _DEBUG then return deny() end\n  return allow()\nend)",
		"slip.conf", "hooks { load: [ { name: slip, lua: slip.lua }, { name: none, lua: slip.lua, mode: off } ] }",
	).withEngines()
	wishes := `  connect (full.lua:2)
  publish   a, b.> of accounts A, B kept by user, tags.x for TIME, denials for TIME up to 100 bytes (full.lua:3)
  event     all (full.lua:4)
  event     connect, disconnect (full.lua:5)
`
	const slips = `  publish   a (slip.lua:1)
  connect (slip.lua:2)
warning: slip.lua:1: nobody defines the global denied: it is nil
warning: slip.lua:3: nobody defines the global _DEBUG: it is nil
`
	for _, tt := range []struct {
		name, args string
		code       int
		out, errs  string
	}{
		{"slips of the pen", "@slip.lua", 0, "slip.lua sha256 SUM\n" + slips, ""},
		{"slips in a configuration", "-c @slip.conf", 0, "slip (enforce) sha256 SUM\n" + strings.Replace(slips, "warning", "none (off)\nwarning", 1), ""},
		{"a script", "@full.lua", 0, "full.lua version 1.2 sha256 SUM\n" + wishes, ""},
		{
			"several scripts", "@bad.lua @full.lua @worse.lua @none.lua", 1, "full.lua version 1.2 sha256 SUM\n" + wishes,
			`moonwire hook check: bad.lua:2: hook.publish: argument #1 is a number; want the function
moonwire hook check: worse.lua:1: parse error near "oops": the file ends too early
moonwire hook check: none.lua registers nothing: call hook.connect, hook.publish or another function of hook at its top level
`,
		},
		{
			"a configuration", "-c @s.conf", 0, "one (enforce) version 1.2 sha256 SUM\n" + wishes + "two (shadow) version 1.2 sha256 SUM\n" + wishes + "three (off)\n" +
				"warning: hook \"one\" fails open at connect: on_error is allow\nwarning: hook \"one\" fails open at publish: on_error is allow\n", "",
		},
		{
			"a configuration that is wrong", "-c @bad.conf", 1, "",
			`moonwire hook check: opening hook "one": bad.lua:2: hook.publish: argument #1 is a number; want the function
moonwire hook check: opening hook "three": worse.lua:1: parse error near "oops": the file ends too early
`,
		},
		{"no script", "@key.conf", 1, "", "moonwire hook check: key.conf:1: syntax error near \"[\"\nmoonwire hook check: key.conf was read as a script in Lua; plugins are checked by their configuration: moonwire hook check -c CONF\n"},
		{"a key that is none", "-c @key.conf", 1, "", "moonwire hook check: key.conf:1:30: unknown key"},
		{"no hooks", "-c @empty.conf", 0, "empty.conf: there are no hooks\n", "moonwire hook check: warning: empty.conf:1:1: \"max_payload\": 16777216 is above"},
		{"no configuration", "-c @none.conf", 1, "", "moonwire hook check: none.conf: cannot read the configuration file: no such file or directory"},
		{"nothing", "", 2, "", "moonwire hook check: say which scripts are meant, or which configuration by -c\nusage: moonwire hook check [-c CONF] [SCRIPT...]\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := *d
			d.t = t
			code, out, errs := d.run(append([]string{"check"}, strings.Fields(tt.args)...)...)
			out = strings.ReplaceAll(regexp.MustCompile(`sha256 [0-9a-f]{16}\b`).ReplaceAllString(out, "sha256 SUM"), d.dir, "DIR")
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			check(t, "stdout", out, tt.out)
			if !strings.HasPrefix(errs, tt.errs) || tt.errs == "" && errs != "" {
				t.Errorf("stderr: got\n%s\nwant\n%s", errs, tt.errs)
			}
		})
	}
}

// TestReload: what is wrong is told here, and the broker is not bothered with it.
func TestReload(t *testing.T) {
	t.Parallel()
	files := []string{
		"a.lua", script, "bad.lua", "oops",
		"s.conf", "hooks { load: [ { name: a, lua: a.lua }, { name: b, lua: bad.lua, mode: off } ] }",
		"pid.conf", "pid_file: PID\nhooks { load: [ { name: a, lua: a.lua } ], reload { watch: false } }",
		"bad.conf", "hooks { load: [ { name: a, lua: bad.lua } ] }",
	}
	for _, tt := range []struct {
		name, args, told string // told: whom, "" if nobody was
		code             int
		out, errs        string
	}{
		{"all", "-c @s.conf", "one", 0, "s.conf is valid, with 2 hooks\nthe broker was told to reload; its log says what came of it\n", ""},
		{"by the process", "-c @s.conf -pid 17", "17", 0, "s.conf is valid, with 2 hooks\nthe broker of 17 was told to reload; its log says what came of it\n", ""},
		{"nothing is checked", "-pid 17", "17", 0, "no configuration is given by -c: nothing was checked\nthe broker of 17 was told to reload; its log says what came of it\n", ""},
		{"one that is watched", "-c @s.conf a", "", 0, "s.conf is valid, with 2 hooks\nthe broker watches its files: it takes hook \"a\" by itself when they change; nothing was sent\n", ""},
		{
			"one that is not watched", "-c @pid.conf a", "pid", 0, "pid.conf is valid, with 1 hook\n" +
				"the broker does not watch its files: all of its configuration is reloaded; hooks that are as they were stay\n" +
				"the broker of pid was told to reload; its log says what came of it\n", "",
		},
		{"one that is off", "-c @s.conf b", "", 1, "s.conf is valid, with 2 hooks\n", "moonwire hook reload: hook \"b\" is off\n"},
		{"one that is none", "-c @s.conf x", "", 1, "s.conf is valid, with 2 hooks\n", "moonwire hook reload: the configuration has no hook \"x\"\n"},
		{
			"a script that is wrong", "-c @bad.conf", "", 1, "",
			"moonwire hook reload: opening hook \"a\": bad.lua:1: parse error near \"oops\": the file ends too early\nmoonwire hook reload: nothing was sent to the broker\n",
		},
		{"nobody is there", "-pid 0", "0", 1, "no configuration is given by -c: nothing was checked\n", "moonwire hook reload: nobody is there\n"},
		{"two names", "a b", "", 2, "", "moonwire hook reload: name one hook, or none for all of the configuration\nusage: moonwire hook reload [flags] [NAME]\n"},
		{"a name without a configuration", "a", "", 2, "", "moonwire hook reload: say by -c which configuration has the hook \"a\"\nusage: moonwire hook reload [flags] [NAME]\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesktop(t, files...).withEngines()
			d.write("pid.conf", strings.ReplaceAll(files[7], "PID", d.path("pid")))
			d.write("pid", "17")
			told := ""
			d.Reload = func(whom string) error {
				if told = d.plain(whom); told == "" {
					told = "one"
				}
				if told == "0" {
					return errors.New("nobody is there")
				}
				return nil
			}
			code, out, errs := d.run(append([]string{"reload"}, strings.Fields(tt.args)...)...)
			if code != tt.code || told != tt.told {
				t.Errorf("code %d, told %q; want %d, %q", code, told, tt.code, tt.told)
			}
			check(t, "stdout", out, tt.out)
			check(t, "stderr", errs, tt.errs)
		})
	}
}

// TestCommands: the usage, and what is no command.
func TestCommands(t *testing.T) {
	t.Parallel()
	d := newDesktop(t)
	_, help, _ := d.run("help")
	for _, c := range commands() {
		if !strings.Contains(help, "  "+c.name+" ") {
			t.Errorf("the usage has no %s", c.name)
		}
		code, out, errs := d.run(c.name, "-h")
		if want := "usage: moonwire hook " + c.name + " " + c.args + "\n\n" + c.doc + "\n"; code != 0 || !strings.HasPrefix(out, want) || errs != "" {
			t.Errorf("%s -h: code %d\n%s%s", c.name, code, out, errs)
		}
	}
	if _, out, _ := d.run("explain", "-h"); !strings.Contains(out, "\nQUESTION is connect, pub SUBJECT [PAYLOAD] or sub SUBJECT [QUEUE].\n") {
		t.Errorf("explain -h: it does not say what can be asked:\n%s", out)
	}
	for _, args := range [][]string{{"-h"}, {"--help"}, {"-help"}} {
		if code, out, errs := d.run(args...); code != 0 || out != help || errs != "" {
			t.Errorf("%q: code %d\n%s%s", args, code, out, errs)
		}
	}
	if code, out, errs := d.run(); code != 2 || out != "" || errs != help {
		t.Errorf("no command: code %d\n%s%s", code, out, errs)
	}
	if code, out, errs := d.run("tets"); code != 2 || out != "" || errs != "moonwire hook: there is no command \"tets\"\n"+help {
		t.Errorf("no such command: code %d\n%s%s", code, out, errs)
	}
	if code, out, _ := d.run("stub"); code != 0 || !strings.HasPrefix(out, "---@meta moonwire\n") {
		t.Errorf("stub: code %d", code)
	}
	if code, out, errs := d.run("stub", "@none/stub.lua"); code != 1 || out != "" || errs != "moonwire hook stub: open none/stub.lua: no such file or directory\n" {
		t.Errorf("stub: code %d\n%s%s", code, out, errs)
	}
	if code, _, errs := d.run("stub", "a", "b"); code != 2 || !strings.HasPrefix(errs, "moonwire hook stub: there is one file to write\n") {
		t.Errorf("stub: code %d: %s", code, errs)
	}
	if code, _, _ := d.run("test", "--", "-run"); code != 1 { // it is a path
		t.Errorf("after --: code %d", code)
	}
}
