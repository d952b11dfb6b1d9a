package hooktool

import (
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
)

const (
	explained = `
hook.connect(function(req)
  if req.user == "mallory" then return deny("no malice") end
  if req.token == "bad" then error("oh") end
  if req.token then
    return allow{ user = req.token, account = "A", tags = { role = "admin" }, expires = 4e9, limits = { payload = 90, subscriptions = 8 },
      permissions = { publish = { allow = "t.>", deny = "t.no" } } }
  end
  if req.nkey then return allow{ user = "k", account = "NONE" } end
  if req.user ~= "stranger" then return allow() end
end)
hook.rewrite("old.*", function(req) return "t." .. req.subject:sub(5) end)
hook.publish("t.>", function(req) if req.client.tags.role ~= "admin" then return deny("admins only") end end)
hook.subscribe("a.>", function(req) return nil + 1 end)
hook.inspect("t.>", function(msg)
  if msg.payload == "drop" then return drop("as said") end
  if msg.headers["A"] then msg.headers["Seen"] = msg.reply end
  if msg.payload == "longer" then msg.payload = "much longer" end
end)
`
	explainedConf = `
accounts {
  A {
    users: [ { user: bob, password: pw, permissions { publish { allow: [ "t.>", "m.>" ], deny: t.no }, subscribe { allow: [ "a.>", "b q", "c.*" ], deny: c.no } } } ]
    mappings { "m.x": t.x, "m.lost": [ { destination: m.lost, weight: 0% } ] }
  }
  SYS { users: [ { user: sys, password: pw } ] }
}
system_account: SYS
hooks { load: [ { name: auth, lua: a.lua }, { name: next, lua: shadow.lua, mode: shadow }, { name: away, lua: a.lua, mode: off } ] }
`
	bobIn = `connect as user "bob"
  connect      allow (hook auth, a.lua:2, TIME)
  identity     user "bob" of the configuration, in account "A"; no password is given, and none was compared
`
	timIn = `connect without a user
  connect      allow (hook auth, a.lua:2, TIME)
  identity     as hooks say: user "tim", account "A", tag role=admin, until 2096-10-02T07:06:40Z, publish t.> but t.no, subscribe everything, at most 8 subscriptions, at most 90 bytes in a message
`
)

// TestExplain: the steps, who decided what, and the outcome.
func TestExplain(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, args, want string }{
		{"nobody", "connect", `connect without a user
  connect      allow (hook auth, a.lua:2, TIME)
  identity     no user was named
outcome: denied by the configuration: no user was named
`},
		{"a user of the configuration", "--user bob connect", bobIn + "outcome: allowed\n"},
		{"the right password", "--user bob --password pw connect", `connect as user "bob"
  connect      allow (hook auth, a.lua:2, TIME)
  identity     user "bob" of the configuration, in account "A"
outcome: allowed
`},
		{"a wrong password", "--user bob --password no connect", `connect as user "bob"
  connect      allow (hook auth, a.lua:2, TIME)
  identity     user "bob": wrong password
outcome: denied by the configuration: user "bob": wrong password
`},
		{"a hook denies", "--user mallory pub x", `connect as user "mallory"
  connect      deny: no malice (hook auth, a.lua:2, TIME)
outcome: denied by hook "auth": no malice
`},
		{"no hook allows", "--user stranger connect", `connect as user "stranger"
  connect      pass (hook auth, a.lua:2, TIME)
outcome: denied by the hook: no hook allowed the connection
`},
		{"a hook fails", "--token bad connect", `connect without a user
  connect      it failed, so that on_error decides: deny; runtime: a.lua:4: oh (hook auth, a.lua:2, TIME)
outcome: denied by hook "auth": the hook failed: runtime
`},
		{"a hook names an account that is not there", "--nkey UABC connect", `connect without a user
  connect      allow (hook auth, a.lua:2, TIME)
  identity     as hooks say: user "k", account "NONE"
  identity     there is no account "NONE"
outcome: denied by the configuration: there is no account "NONE"
`},
		{"mapped, and denied by a hook", "--user bob pub m.x", bobIn + `publish to "m.x" by user "bob"
  mapping      the subject becomes "t.x"
  rewrite      no hook is asked
  permissions  publish.allow "t.>" allows it
  publish      deny: admins only (hook auth, a.lua:13, TIME)
  publish      in shadow mode, where nothing follows from it: deny: as well (hook next, shadow.lua:1, TIME)
outcome: denied by hook "auth": admins only
`},
		{"lost", "--user bob pub m.lost", bobIn + `publish to "m.lost" by user "bob"
  mapping      the message is lost
outcome: dropped by the mapping: a mapping of the account leaves the message out
`},
		{"rewritten and inspected", "--token tim --header A:b --reply r pub old.x longer", timIn + `publish to "old.x" by user "tim"
  rewrite      replace: the subject becomes "t.x" (hook auth, a.lua:12, TIME)
  permissions  publish.allow "t.>" allows it
  publish      pass (hook auth, a.lua:13, TIME)
  publish      in shadow mode, where nothing follows from it: deny: as well (hook next, shadow.lua:1, TIME)
  inspect      replace: headers change, and the payload, to 11 bytes (hook auth, a.lua:15, TIME)
outcome: allowed, and goes to "t.x" with 11 bytes of payload
`},
		{"dropped", "--token tim pub t.x drop", timIn + `publish to "t.x" by user "tim"
  rewrite      no hook is asked
  permissions  publish.allow "t.>" allows it
  publish      pass (hook auth, a.lua:13, TIME)
  publish      in shadow mode, where nothing follows from it: deny: as well (hook next, shadow.lua:1, TIME)
  inspect      drop: as said (hook auth, a.lua:15, TIME)
outcome: dropped by hook "auth": as said
`},
		{"a deny entry", "--token tim pub t.no", timIn + `publish to "t.no" by user "tim"
  rewrite      no hook is asked
  permissions  publish.deny "t.no" forbids it
outcome: denied: permissions do not let it publish to "t.no"
`},
		{"let in already", "--user bob --account A --tag role=admin pub t.x", `a client that is let in as user "bob"
  identity     as the question says: nobody is asked; it may do what the configuration says of the user
publish to "t.x" by user "bob"
  rewrite      no hook is asked
  permissions  publish.allow "t.>" allows it
  publish      pass (hook auth, a.lua:13, TIME)
  publish      in shadow mode, where nothing follows from it: deny: as well (hook next, shadow.lua:1, TIME)
  inspect      pass (hook auth, a.lua:15, TIME)
outcome: allowed, and goes to "t.x" with 0 bytes of payload
`},
		{"another account is another user", "--user bob --account $G sub x", `a client that is let in as user "bob"
  identity     as the question says: nobody is asked
subscribe to "x" by user "bob"
  permissions  there are no rules: everything is allowed
  subscribe    no hook is asked
outcome: allowed
`},
		{"a hook fails at subscribe", "--user bob sub a.b", bobIn + `subscribe to "a.b" by user "bob"
  permissions  subscribe.allow "a.>" allows it
  subscribe    it failed, so that on_error decides: deny; runtime: a.lua:14: cannot perform add operation between nil and number (hook auth, a.lua:14, TIME)
outcome: denied by hook "auth": the hook failed: runtime
`},
		{"a queue group", "--user bob sub b q", bobIn + `subscribe to "b" in queue group "q" by user "bob"
  permissions  subscribe.allow "b q" allows it
  subscribe    no hook is asked
outcome: allowed
`},
		{"another queue group", "--user bob sub b r", bobIn + `subscribe to "b" in queue group "r" by user "bob"
  permissions  no entry of subscribe.allow is for it
outcome: denied: permissions do not let it subscribe to "b r"
`},
		{"less is delivered", "--user bob sub c.*", bobIn + `subscribe to "c.*" by user "bob"
  permissions  subscribe.allow "c.*" allows it; what deny entries match is left out of what it gets
  subscribe    no hook is asked
outcome: allowed
`},
		{"the system account", "--user sys pub t.x", `connect as user "sys"
  connect      allow (hook auth, a.lua:2, TIME)
  identity     user "sys" of the configuration, in account "SYS"; no password is given, and none was compared
publish to "t.x" by user "sys"
  rewrite      hooks are not asked about the system account
  permissions  there are no rules: everything is allowed
  publish      hooks are not asked about the system account
  inspect      hooks are not asked about the system account
outcome: allowed, and goes to "t.x" with 0 bytes of payload
`},
	}
	d := newDesktop(t, "a.lua", explained, "shadow.lua", `hook.publish("t.>", function() return deny("as well") end)`, "s.conf", explainedConf).withEngines()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := *d
			d.t = t
			code, out, errs := d.run(append([]string{"explain", "-c", "@s.conf"}, strings.Fields(tt.args)...)...)
			check(t, "stdout", out, tt.want)
			if code != 0 || errs != "" {
				t.Errorf("code %d: %s", code, errs)
			}
		})
	}
}

// TestExplainSize: a message is as large as the configuration, the account and hooks
// let it be, also when a hook makes it larger.
func TestExplainSize(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, "a.lua", `
hook.connect(function(req)
  if req.token then return allow{ user = "t", limits = { payload = 10 } } end
  return allow()
end)
hook.inspect("grow", function(msg) msg.payload = ("x"):rep(tonumber(msg.payload)) end)
`, "s.conf", `
max_payload: 40
accounts {
  A { users: [ { user: a, password: p } ], limits { max_payload: 20 } }
  B { users: [ { user: b, password: p } ], limits { max_payload: -1 } }
}
hooks { load: [ { name: h, lua: a.lua } ] }
`).withEngines()
	refused := func(size, most string) string {
		return "  limits       the message has " + size + " bytes, and the most is " + most + ": the connection is closed\noutcome: denied by the limits: Maximum Payload Violation\n"
	}
	text := func(n int) string { return strings.Repeat("x", n) }
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"as much as is taken":        {[]string{"-user", "b", "pub", "x", text(40)}, "goes to \"x\" with 40 bytes of payload\n"},
		"more":                       {[]string{"-user", "b", "pub", "x", text(41)}, refused("41", "40")},
		"headers count":              {[]string{"-user", "b", "-header", "A:b", "pub", "x", text(40)}, refused("58", "40")},
		"of the account":             {[]string{"-user", "a", "pub", "x", text(21)}, refused("21", "20")},
		"of the account, a password": {[]string{"-user", "a", "-password", "p", "pub", "x", text(21)}, refused("21", "20")},
		"of the account, let in":     {[]string{"-user", "a", "-account", "A", "pub", "x", text(21)}, refused("21", "20")},
		"of a hook":                  {[]string{"-token", "t", "pub", "x", text(11)}, refused("11", "10")},
		"a hook makes it larger":     {[]string{"-user", "b", "pub", "grow", "40"}, "with 40 bytes of payload\n"},
		"too large":                  {[]string{"-user", "b", "pub", "grow", "41"}, "outcome: dropped by hook \"h\": the hook failed: oversize\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := *d
			d.t = t
			if _, out, errs := d.run(append([]string{"explain", "-c", "@s.conf"}, tt.args...)...); !strings.HasSuffix(out, tt.want) {
				t.Errorf("got\n%s%s", out, errs)
			}
		})
	}
}

// TestExplainScripts: without a configuration clients are who they say they are.
func TestExplainScripts(t *testing.T) {
	t.Parallel()
	d := newDesktop(t, "a.lua", `hook.publish(function(req) if req.client.user == config.who then return deny("you") end return allow() end)`,
		"b.lua", `hook.publish("x", function(req) return deny("b") end)`, "config.json", `{"who":"bob"}`, "list.json", `[]`)
	_, out, errs := d.run("explain", "@a.lua", "@b.lua", "-config", "@config.json", "-user", "tim", "pub", "x")
	check(t, "stdout", out, `connect as user "tim"
  identity     who it says it is: no configuration knows better
publish to "x" by user "tim"
  rewrite      no hook is asked
  permissions  there are no rules: everything is allowed
  publish      allow (hook a, a.lua:1, TIME)
  publish      deny: b (hook b, b.lua:1, TIME)
outcome: denied by hook "b": b
`)
	check(t, "stderr", errs, "")
	_, out, _ = d.run("explain", "@a.lua", "-config", "@config.json", "-user", "bob", "-account", "A", "pub", "x")
	if !strings.HasSuffix(out, "publish      deny: you (hook a, a.lua:1, TIME)\noutcome: denied by hook \"a\": you\n") {
		t.Errorf("got\n%s", out)
	}
	for _, tt := range []struct {
		args, want string
		code       int
	}{
		{"@a.lua", "say what is asked: connect, pub SUBJECT [PAYLOAD] or sub SUBJECT [QUEUE]", 2},
		{"@a.lua pub", "want pub SUBJECT and at most one argument more", 2},
		{"@a.lua pub a b c", "want pub SUBJECT and at most one argument more", 2},
		{"@a.lua pub a.*", `"a.*" is no subject to publish to`, 2},
		{"@a.lua sub a..b", `"a..b" is no subject to subscribe to`, 2},
		{"@a.lua connect x", "connect has no arguments", 2},
		{"@a.lua -account A connect", "connect asks who a client is", 2},
		{"@a.lua -tag x connect", "want name=value", 2},
		{"@a.lua -header x pub a", "want name:value", 2},
		{"pub a", "say which scripts are meant, or which configuration by -c", 2},
		{"-c @s.conf @a.lua pub a", "there are both a configuration and scripts", 2},
		{"-c @s.conf -config @config.json pub a", "-config is for scripts alone", 2},
		{"-c @s.conf pub a", "no such file or directory", 1},
		{"@none.lua pub a", "no such file or directory", 1},
		{"-config @list.json @a.lua pub a", "list.json is no JSON object", 1},
		{"-config @none.json @a.lua pub a", "-config: open none.json: no such file or directory", 1},
	} {
		if code, _, errs := d.run(append([]string{"explain"}, strings.Fields(tt.args)...)...); code != tt.code || !strings.Contains(errs, tt.want) {
			t.Errorf("%s: code %d: %s", tt.args, code, errs)
		}
	}
}

// TestExplainOperator: in operator mode users are in JWTs, which are not looked
// at; hooks are.
func TestExplainOperator(t *testing.T) {
	t.Parallel()
	operator, err := nkeys.CreateOperator()
	if err != nil {
		t.Fatal(err)
	}
	key, err := operator.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	d := newDesktop(t, "a.lua", `hook.publish(function() return deny("no") end)`,
		"s.conf", "trusted_keys: [ "+key+" ]\nresolver: MEMORY\nhooks { load: [ { name: a, lua: a.lua } ] }").withEngines()
	_, out, errs := d.run("explain", "-c", "@s.conf", "-user", "u", "pub", "x")
	if !strings.Contains(out, "outcome: denied by the configuration: users are in JWTs") {
		t.Errorf("got %s%s", out, errs)
	}
	_, out, errs = d.run("explain", "-c", "@s.conf", "-account", "AX", "pub", "x")
	if !strings.HasSuffix(out, "outcome: denied by hook \"a\": no\n") {
		t.Errorf("got %s%s", out, errs)
	}
}
