package hooktool

import (
	"strings"
	"testing"
)

// aLog is what a broker has written. The order of fields is no matter.
const aLog = `{"level":"info","time":"2026-01-01T00:00:00Z","msg":"Server is ready"}
{"level":"info","time":"t","msg":"Hook decision","hook":"a","point":"publish","client":1,"host":"10.0.0.1","account":"A","user":"bob","subject":"t.x","verdict":"allow","reason":"","cached":false}
{"level":"info","time":"t","msg":"Hook decision","hook":"a","point":"publish","client":1,"host":"10.0.0.1","account":"A","user":"tim","subject":"t.x","verdict":"deny","reason":"not you","cached":true}
{"level":"info","time":"t","msg":"Hook decision","hook":"a","point":"publish","client":2,"host":"10.0.0.1","account":"A","user":"tim","subject":"t.y","verdict":"deny","reason":"not you","cached":true}
{"level":"info","time":"t","msg":"Hook decision","hook":"a","point":"publish","client":1,"host":"10.0.0.1","account":"A","user":"bob","subject":"t.z","verdict":"deny","reason":"the hook failed: runtime","cached":false,"error":"runtime: a.lua:1: oh"}
{"level":"info","time":"t","msg":"Hook decision","hook":"a","point":"rewrite","client":1,"host":"10.0.0.1","account":"A","user":"bob","subject":"old","verdict":"replace","reason":"","cached":false}
{"level":"info","time":"t","msg":"Hook decision","hook":"a","point":"subscribe","client":1,"host":"10.0.0.1","account":"A","user":"bob","subject":"s","verdict":"pass","reason":"","cached":false}
{"level":"info","time":"t","msg":"Hook decision","hook":"a","point":"connect","client":1,"host":"10.0.0.1","account":"","user":"","subject":"","verdict":"allow","reason":"","cached":false}
{"level":"info","time":"t","msg":"Hook decision","hook":"a","point":"inspect","client":1,"host":"10.0.0.1","account":"A","user":"bob","subject":"t.x","verdict":"pass","reason":"","cached":false}
{"level":"info","time":"t","msg":"Hook decision","hook":"b","point":"publish","client":1,"host":"10.0.0.1","account":"A","user":"bob","subject":"t.x","verdict":"allow","reason":"","cached":false}

this is no JSON
{"msg":"Hook decision","hook":"a","point":"nowhere","verdict":"allow"}
`

const beforeThat = `hook.rewrite("old", function() return "new" end)
hook.publish(function(req) if req.client.user ~= "bob" then return deny("not you") end if req.subject == "t.z" then error("oh") end return allow() end)
hook.subscribe(function() end)`

// TestReplay: what is different, how often, and what cannot be asked again.
func TestReplay(t *testing.T) {
	t.Parallel()
	const away = "    2: they are no JSON of a log; log_format json is what is read\n" +
		"    1: connect: what clients present is not in the log\n    1: inspect: messages are not in the log\n" +
		"    1: they are of hook \"b\"; -hook says that the script is that one\n"
	for _, tt := range []struct {
		name, script string
		code         int
		out          string
	}{
		{"as it was", beforeThat, 0, "6 decisions as before, 0 different, 5 not replayed\n" + away},
		{
			"other answers",
			`hook.rewrite("old", function() end)
			hook.publish(function(req) if req.client.host == "10.0.0.1" and req.client.account == "A" then return allow() end end)
			hook.subscribe(function(req) if req.client.id == 1 then return deny() end end)`,
			1,
			"a at publish: deny → allow, 2 times\n    line 3: \"t.x\" by user \"tim\" of account \"A\", then because of \"not you\"\n" +
				"a at rewrite: replace → pass, 1 time\n    line 6: \"old\" by user \"bob\" of account \"A\"\n" +
				"a at publish: failed → allow, 1 time\n    line 5: \"t.z\" by user \"bob\" of account \"A\", then because of \"runtime: a.lua:1: oh\"\n" +
				"a at subscribe: pass → deny, 1 time\n    line 7: \"s\" by user \"bob\" of account \"A\"\n" +
				"1 decision as before, 5 different, 5 not replayed\n" + away,
		},
		{
			"it fails, and asks for less",
			`hook.publish("t.x", function(req) error("new") end)`, 1,
			"a at rewrite: replace → not asked, 1 time\n    line 6: \"old\" by user \"bob\" of account \"A\"\n" +
				"a at publish: allow → failed, 1 time\n    line 2: \"t.x\" by user \"bob\" of account \"A\"\n" +
				"a at publish: deny → failed, 1 time\n    line 3: \"t.x\" by user \"tim\" of account \"A\", then because of \"not you\"\n" +
				"a at publish: deny → not asked, 1 time\n    line 4: \"t.y\" by user \"tim\" of account \"A\", then because of \"not you\"\n" +
				"a at publish: failed → not asked, 1 time\n    line 5: \"t.z\" by user \"bob\" of account \"A\", then because of \"runtime: a.lua:1: oh\"\n" +
				"a at subscribe: pass → not asked, 1 time\n    line 7: \"s\" by user \"bob\" of account \"A\"\n" +
				"0 decisions as before, 6 different, 5 not replayed\n" + away,
		},
		{
			"it looks at more",
			`local kv = require "kv"
			hook.rewrite(function(req) if req.headers["A"]:lower() == "x" then return "y" end end)
			hook.publish(function(req) if req.client.tags.role then return allow() end return kv.get("x") end)
			hook.subscribe(function(req) if req.queue then return deny() end end)`,
			1,
			"0 decisions as before, 0 different, 11 not replayed\n    4: publish: the hook looks at tags, what is in no call (kv, the time, chance), which the log does not have\n" +
				"    2: they are no JSON of a log; log_format json is what is read\n    1: connect: what clients present is not in the log\n    1: inspect: messages are not in the log\n" +
				"    1: rewrite: the hook looks at headers, which the log does not have\n    1: subscribe: the hook looks at queue, which the log does not have\n" +
				"    1: they are of hook \"b\"; -hook says that the script is that one\n",
		},
		{
			"several functions of one hook",
			`hook.publish("t.*", function() end) hook.publish("t.x", function() return allow() end) hook.publish(function(req) if req.client.user == "tim" then return deny() end end)
			hook.rewrite(function() return "new" end) hook.subscribe(function() return nil end)`,
			1,
			"a at publish: failed → pass, pass, 1 time\n    line 5: \"t.z\" by user \"bob\" of account \"A\", then because of \"runtime: a.lua:1: oh\"\n" +
				"5 decisions as before, 1 different, 5 not replayed\n" + away,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesktop(t, "log", aLog, "a.lua", tt.script, "s.conf", "accounts { A {} }\nhooks { load: [ { name: a, lua: a.lua }, { name: b, lua: a.lua, mode: off } ] }").withEngines()
			code, out, _ := d.run("replay", "@log", "@a.lua")
			check(t, "with a script", out, tt.out)
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			code, out, _ = d.run("replay", "-c", "@s.conf", "@log")
			check(t, "with a configuration", out, strings.ReplaceAll(tt.out, "    1: they are of hook \"b\"; -hook says that the script is that one\n", "    1: there is no hook \"b\" now\n"))
			if code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
		})
	}
}

// TestReplayShadow: what a hook in shadow mode would have said is compared like what
// another has said, and told apart.
func TestReplayShadow(t *testing.T) {
	t.Parallel()
	const log = `{"msg":"Hook decision","hook":"a","point":"publish","client":1,"host":"h","account":"A","user":"tim","subject":"x","verdict":"deny","reason":"not you","cached":false}
{"msg":"Hook decision","hook":"a","point":"publish","mode":"shadow","client":1,"host":"h","account":"A","user":"tim","subject":"x","would":"deny","reason":"not you","cached":false}
{"msg":"Hook decision","hook":"a","point":"publish","mode":"shadow","client":1,"host":"h","account":"A","user":"bob","subject":"x","would":"allow","reason":"","cached":false}
{"msg":"Hook decision","hook":"a","point":"publish","mode":"shadow","client":1,"host":"h","account":"A","user":"bob","subject":"t.z","would":"deny","reason":"the hook failed: runtime","cached":false,"error":"runtime: oh"}
{"msg":"Hook decision","hook":"a","point":"inspect","mode":"shadow","client":1,"host":"h","account":"A","user":"bob","subject":"x","would":"drop","reason":"","cached":false}
`
	d := newDesktop(t, "log", log, "a.lua", beforeThat, "other.lua", `hook.publish(function() return allow() end)`,
		"s.conf", "accounts { A {} }\nhooks { load: [ { name: a, lua: a.lua, mode: shadow } ] }").withEngines()
	const away = "    1: inspect: messages are not in the log\n"
	for _, tt := range []struct {
		name, args, out string
		code            int
	}{
		{"as it would have been", "@log @a.lua", "4 decisions as before, 0 different, 1 not replayed\n" + away, 0},
		{"and is in the configuration", "-c @s.conf @log", "4 decisions as before, 0 different, 1 not replayed\n" + away, 0},
		{
			"other answers", "@log @other.lua -hook a",
			"a at publish: deny (shadow) → allow, 1 time\n    line 2: \"x\" by user \"tim\" of account \"A\", then because of \"not you\"\n" +
				"a at publish: deny → allow, 1 time\n    line 1: \"x\" by user \"tim\" of account \"A\", then because of \"not you\"\n" +
				"a at publish: failed (shadow) → allow, 1 time\n    line 4: \"t.z\" by user \"bob\" of account \"A\", then because of \"runtime: oh\"\n" +
				"1 decision as before, 3 different, 1 not replayed\n" + away,
			1,
		},
	} {
		code, out, _ := d.run(append([]string{"replay"}, strings.Fields(tt.args)...)...)
		check(t, tt.name, out, tt.out)
		if code != tt.code {
			t.Errorf("%s: exit code %d, want %d", tt.name, code, tt.code)
		}
	}
}

// TestReplayOne: a script may have had another name, and one hook of many may be
// meant.
func TestReplayOne(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, "log", aLog, "other.lua", beforeThat, "empty", "", "long", strings.Repeat("x", 3*mostLine)+"\n"+aLog)
	_, out, _ := d.run("replay", "@log", "@other.lua", "-hook", "b")
	check(t, "b", out, "1 decision as before, 0 different, 2 not replayed\n    2: they are no JSON of a log; log_format json is what is read\n")
	_, out, _ = d.run("replay", "@long", "@other.lua", "-hook", "b")
	check(t, "a long line", out, "1 decision as before, 0 different, 3 not replayed\n    3: they are no JSON of a log; log_format json is what is read\n")
	for _, tt := range []struct {
		args, want string
		code       int
	}{
		{"@empty @other.lua", "nothing was replayed", 1},
		{"@log @other.lua -hook c", "nothing was replayed", 1},
		{"@none @other.lua", "open none: no such file or directory", 1},
		{"@log @none.lua", "no such file or directory", 1},
		{"@log", "say which scripts are meant", 2},
		{"", "say which log is to be replayed", 2},
		{"a b c", "say which log is to be replayed", 2},
	} {
		if code, _, errs := d.run(append([]string{"replay"}, strings.Fields(tt.args)...)...); code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: code %d: %s", tt.args, code, errs)
		}
	}
}
