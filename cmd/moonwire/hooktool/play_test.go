package hooktool

import (
	"strings"
	"testing"
)

// aScript is what the tests below are about.
const aScript = `
local kv, http = require "kv", require "http"
local clients = require "clients"
hook.connect(function(req)
  if req.user == "web" then
    local res, err = http.request{ method = "POST", url = "https://u.example.com/" .. (req.name or ""), body = "q", headers = { ["X-A"] = "1" } }
    if not res then return deny(err) end
    return allow{ user = res.body, account = res.headers["x-account"] }
  end
  if req.user == "fail" then error("no such luck") end
  if req.token == "t" then
    return allow{ user = "tim", account = "A", tags = { role = "admin" }, expires = 4e9, limits = { payload = 10, subscriptions = 2 },
      permissions = { publish = { allow = { "a.>", "old" } }, subscribe = { allow = { "a.>", "b q" } } } }
  end
  if req.tls then return allow{ user = req.tls.common_name .. req.tls.version .. req.tls.dns_names[1] .. req.tls.uris[1] .. req.tls.fingerprint } end
  if config.closed then return deny(config.closed) end
  return allow()
end)
hook.rewrite("old", function(req) return "a.new" end)
hook.publish("a.limited", function(req) if kv.incr("n", 1, { ttl = 60 }) > 2 then return deny("too many") end end)
hook.publish("a.kept", function(req) return allow() end, { cache = { by = { "user" }, ttl = 10 } })
hook.publish("a.peek", function(req) if req.size > 0 then return allow() end end, { cache = { by = { "user" }, ttl = 10 } })
hook.publish("a.bad", function(req) return 7 end)
hook.publish("a.reply", function(req) return deny((req.reply or "none") .. " " .. (req.headers["X-A"] or "none") .. " " .. #req.headers:all("x-b")) end)
hook.subscribe("a.no", function(req) return deny(req.queue) end)
hook.inspect("a.msg", function(msg)
  log.warn("seen", { size = #msg.payload })
  if msg.payload == "" then return drop("empty") end
  msg.payload = msg.payload .. "!"
  msg.headers["Seen"] = "yes"
end)
hook.event("disconnect", function(ev)
  if ev.reason == "bad" then error("bad reason") end
  clients.disconnect{ user = ev.client.user }
  log.info("left", { user = ev.client.user, host = ev.client.host })
end)
hook.event("subscribe", function(ev) log.info(ev.subject .. " " .. ev.queue) end, { accounts = "A" })
`

// TestPlay: what tests have, used well and used wrongly. A failure names the line.
func TestPlay(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, body, want string }{
		// connect
		{"who it says it is", `local c = connect{ user = "bob" } assert_equal(c.user, "bob") assert_equal(c.account, "$G") assert_allowed(c)`, ""},
		{"nobody", `assert_equal(connect().user, "")`, ""},
		{"an identity", `local c = connect{ token = "t" } assert_equal({ c.user, c.account, c.tags, c.expires, c.limits },
			{ "tim", "A", { role = "admin" }, 4e9, { payload = 10, subscriptions = 2 } })`, ""},
		{"tls", `assert_equal(connect{ tls = { common_name = "cn", dns_names = { "d" }, uris = { "u" }, fingerprint = "f" } }.user, "cn1.3duf")`, ""},
		{"denied", `settings{ closed = "shut" } local c = connect{ user = "x" } assert_denied(c, "shut") assert_equal(c.by, "hook") assert_equal(c.reason, "shut")`, ""},
		{"not connected", `settings{ closed = "shut" } connect{ user = "x" }:publish("a") assert_true(true)`, `2: publish: the client is not connected: connect as user "x", and it was denied by the hook: shut`},
		{"no field", `connect{ usr = "x" } assert_true(true)`, `2: connect: unknown key "usr"`},
		{"wrong type", `connect{ user = 1 } assert_true(true)`, `2: connect: user: a string expected, got number`},
		{"wrong argument", `connect("bob") assert_true(true)`, `2: connect: a table expected, got string`},
		{"wrong tls", `connect{ tls = true } assert_true(true)`, `2: connect: tls: a table expected, got boolean`},
		{"wrong names in tls", `connect{ tls = { uris = { 1 } } } assert_true(true)`, `2: connect: tls: uris: a list of strings expected`},
		{"wrong list in tls", `connect{ tls = { uris = "u" } } assert_true(true)`, `2: connect: tls: uris: a list of strings expected, got string`},
		{"the script fails", `assert_failed(connect{ user = "fail" }, "no such luck")`, ""},

		// client, publish, subscribe
		{"a client", `local c = client{ user = "u", account = "B", tags = { a = "b" } } assert_equal({ c.user, c.account, c.tags.a }, { "u", "B", "b" })`, ""},
		{"permissions", `local c = client{ permissions = { publish = "a.>" } } assert_allowed(c:publish("a.x")) assert_denied(c:publish("b"), "permissions")
			assert_equal(c:publish("b").by, "permissions")`, ""},
		{"permissions of an identity", `local c = connect{ token = "t" } assert_denied(c:publish("b")) assert_allowed(c:subscribe("b", "q")) assert_denied(c:subscribe("b")) assert_denied(c:subscribe("c.>"))`, ""},
		{"wrong permissions", `client{ permissions = { pub = "a" } } assert_true(true)`, `2: client: permissions: unknown key "pub"`},
		{"permissions are no table", `client{ permissions = "a" } assert_true(true)`, `2: client: permissions: a table expected, got string`},
		{"wrong tags", `client{ tags = { a = 1 } } assert_true(true)`, `2: client: tags.a: a string expected, got number`},
		{"tags are no table", `client{ tags = "a" } assert_true(true)`, `2: client: tags: a table expected, got string`},
		{"tags are a list", `client{ tags = { "a" } } assert_true(true)`, `2: client: tags: names expected, such as { a = … }`},
		{"rewritten", `local r = connect{ token = "t" }:publish("old", "x") assert_delivered(r, "a.*") assert_equal(r.subject, "a.new")`, ""},
		{"inspected", `local r = client():publish("a.msg", "hi", { headers = { A = { "1", "2" } } }) assert_delivered(r, ">") assert_equal(r.payload, "hi!")
			assert_equal(r.headers, { a = { "1", "2" }, seen = { "yes" } })`, ""},
		{"dropped", `local r = client():publish("a.msg") assert_dropped(r, "empty") assert_equal({ r.verdict, r.by, r.reason, r.allowed }, { "drop", "hook", "empty", false }) assert_equal(r.subject, nil)`, ""},
		{"reply and headers", `assert_denied(client():publish("a.reply", "", { reply = "r", headers = { ["x-a"] = "1", ["X-B"] = { "1", "2" } } }), "r 1 2")`, ""},
		{"a wrong answer", `assert_failed(client():publish("a.bad"), "returned a number")`, ""},
		{"no subject", `client():publish("a.*") assert_true(true)`, `2: publish: "a.*" is no subject to publish to`},
		{"no text", `client():publish({}) assert_true(true)`, `2: publish: {} is no subject to publish to`},
		{"no payload", `client():publish("a", {}) assert_true(true)`, `2: publish: the payload is a table, not a string`},
		{"no header", `client():publish("a", "", { headers = { a = 1 } }) assert_true(true)`, `2: publish: headers.a: a string or a list of strings expected, got number`},
		{"no headers", `client():publish("a", "", { headers = "a: b" }) assert_true(true)`, `2: publish: headers: a table expected, got string`},
		{"a header of two lines", `client():publish("a", "", { headers = { a = "1\r\nb: 2" } }) assert_true(true)`, `2: publish: headers: header "a": the name has no colon, and all stands in one line`},
		{"a dot for a colon", `client().publish("a") assert_true(true)`, `2: call it with a colon: client:publish(…)`},
		{"a dot with a table", `client().subscribe({}) assert_true(true)`, `2: call it with a colon: client:subscribe(…)`},
		{"subscribe", `assert_denied(client():subscribe("a.no", "q"), "q") assert_allowed(client():subscribe("a.yes"))`, ""},
		{"no pattern", `client():subscribe("a..b") assert_true(true)`, `2: subscribe: "a..b" is no subject to subscribe to`},
		{"no queue", `client():subscribe("a", 1) assert_true(true)`, `2: subscribe: the queue group is a number, not a string`},

		// kept answers, and the clock
		{"kept", `local c = client{ user = "u" } assert_equal(c:publish("a.kept").cached, false) assert_equal(c:publish("a.kept").cached, true)
			advance(11) assert_equal(c:publish("a.kept").cached, false) assert_equal(client{ user = "v" }:publish("a.kept").cached, false)`, ""},
		{"read, and not named", `assert_allowed(client():publish("a.peek", "x"))`, `2: publish to "a.peek" by a client of account "$G": the script looked at size, which is not in the by of its cache: the broker would not keep the answer`},
		{"limited", `local c = client() assert_allowed(c:publish("a.limited")) assert_allowed(c:publish("a.limited")) assert_denied(c:publish("a.limited"), "too many") advance(61) assert_allowed(c:publish("a.limited"))`, ""},
		{"back in time", `advance(-1) assert_true(true)`, `2: advance: seconds from 0 to 1e9 expected`},
		{"no time", `advance("1") assert_true(true)`, `2: advance: seconds from 0 to 1e9 expected`},

		// events, logs and acts
		{"an event", `assert_allowed(event("disconnect", { client = connect{ token = "t" } })) assert_equal(logs(), { "info: left host=127.0.0.1 user=tim" }) assert_equal(acts(), { "disconnect user tim: a hook ended the connection" })`, ""},
		{"an event of nobody", `event("disconnect") assert_equal(acts(), {})`, ""},
		{"an event that fails", `assert_failed(event("disconnect", { reason = "bad" }), "bad reason") assert_equal(#logs(), 1)`, ""},
		{"an event of another account", `event("subscribe", { client = client{ account = "B" }, subject = "s", queue = "q" }) assert_equal(logs(), {})
			event("subscribe", { client = client{ account = "A" }, subject = "s", queue = "q" }) assert_equal(logs(), { "info: s q" })`, ""},
		{"an event for nobody", `assert_allowed(event("reload", { reason = "r" }))`, ""},
		{"no event", `event("quake") assert_true(true)`, `2: event: "quake" is no type of event`},
		{"no client", `event("disconnect", { client = {} }) assert_true(true)`, `2: event: client: it is none that connect or client returned`},
		{"a client that is a text", `event("disconnect", { client = "bob" }) assert_true(true)`, `2: event: client: it is none that connect or client returned`},
		{"no such field of events", `event("disconnect", { user = "bob" }) assert_true(true)`, `2: event: unknown key "user"`},
		{"logs", `client():publish("a.msg", "abc") assert_equal(logs(), { "warn: seen size=3" })`, ""},

		// http
		{"an answer", `http_answer("https://u.example.com/*", { body = "who", headers = { ["X-Account"] = "W" } }) local c = connect{ user = "web", name = "n" }
			assert_equal({ c.user, c.account }, { "who", "W" }) local r = http_requests() assert_equal(#r, 1)
			assert_equal({ r[1].method, r[1].url, r[1].body, r[1].headers["X-A"] }, { "POST", "https://u.example.com/n", "q", "1" })`, ""},
		{"the newest counts", `http_answer("https://u.example.com/n", { body = "old" }) http_answer("https://u.example.com/n", { body = "new" })
			assert_equal(connect{ user = "web", name = "n" }.user, "new")`, ""},
		{"an error of the network", `http_answer("https://u.example.com/", { error = "unplugged" }) assert_denied(connect{ user = "web" }, "unplugged")`, ""},
		{"no answer", `assert_denied(connect{ user = "web" }, "the test has no answer for POST https://u.example.com/: say one by http_answer")`, ""},
		{"no URL", `http_answer() assert_true(true)`, `2: http_answer: a URL expected, got nil`},
		{"no status", `http_answer("https://x", { status = "200" }) assert_true(true)`, `2: http_answer: status: a whole number from 100 to 599 expected`},
		{"half a status", `http_answer("https://x", { status = 200.5 }) assert_true(true)`, `2: http_answer: status: a whole number from 100 to 599 expected`},
		{"no such field of answers", `http_answer("https://x", { code = 200 }) assert_true(true)`, `2: http_answer: unknown key "code"`},

		// settings
		{"no settings", `settings("x") assert_true(true)`, `2: bad argument #1 to settings (a table with names expected, got string)`},
		{"a list of settings", `settings{ "x" } assert_true(true)`, `2: bad argument #1 to settings (a table with names expected, got table)`},
		{"late settings", `connect() settings{ closed = "x" } assert_true(true)`, `2: settings come too late: the script is loaded with others already`},
		{"the same settings again", `settings{ closed = "x" } connect() settings{ closed = "x" } assert_true(true)`, ""},
		{"settings that are no data", `settings{ f = function() end } assert_true(true)`, `2: settings: `},

		// fixtures
		{"a fixture", `assert_equal(fixture("a.txt"), "content") assert_equal(fixture("sub/b.txt"), "")`, ""},
		{"no fixture", `fixture("none") assert_true(true)`, `2: fixture: statat none: no such file or directory`},
		{"a folder", `fixture("sub") assert_true(true)`, `2: fixture: sub is not a regular file`},
		{"out of the folder", `fixture("../a.lua") assert_true(true)`, `2: fixture: statat ../a.lua: path escapes from parent`},
		{"an absolute path", `fixture("/etc/passwd") assert_true(true)`, `2: fixture: statat /etc/passwd: path escapes from parent`},
		{"no name", `fixture() assert_true(true)`, `2: fixture: the name of a file in testdata expected, got nil`},

		// assertions that do not hold
		{"not allowed", `assert_allowed(connect{ token = "t" }:publish("b"))`, `2: publish to "b" by user "tim" should be allowed, but it was denied: permissions do not let it publish to "b"`},
		{"not allowed by the script", `settings{ closed = "shut" } assert_allowed(connect{ user = "u" })`, `2: connect as user "u" should be allowed, but it was denied by the hook: shut`},
		{"not allowed without a reason", `assert_allowed(client():subscribe("a.no"))`, `2: subscribe to "a.no" by a client of account "$G" should be allowed, but it was denied by the hook without a reason`},
		{"not allowed, as the script failed", `assert_allowed(client():publish("a.bad"))`, `2: publish to "a.bad" by a client of account "$G" should be allowed, but the script failed: bad_reply: `},
		{"not denied", `assert_denied(client():publish("b"))`, `2: publish to "b" by a client of account "$G" should be denied, but it was allowed`},
		{"denied, but dropped", `assert_denied(client():publish("a.msg"))`, `should be denied, but it was dropped by the hook: empty`},
		{"a failure is no denial", `assert_denied(client():publish("a.bad"))`, `should be denied, but the script failed: `},
		{"another reason", `settings{ closed = "shut" } assert_denied(connect(), "open")`, `2: connect without a user should be denied because of "open", but it was denied by the hook: shut`},
		{"not dropped", `assert_dropped(client():publish("a.msg", "x"))`, `should be dropped, but it was allowed`},
		{"not failed", `assert_failed(client():publish("b"))`, `should make the script fail, but it was allowed`},
		{"failed otherwise", `assert_failed(connect{ user = "fail" }, "luck2")`, `2: connect as user "fail" should make the script fail with "luck2", but the script failed: runtime: `},
		{"goes elsewhere", `assert_delivered(client():publish("old"), "old")`, `2: publish to "old" by a client of account "$G" should reach "old", but it goes to "a.new"`},
		{"goes nowhere", `assert_delivered(client():publish("a.msg"), "a.msg")`, `should reach "a.msg", but it was dropped by the hook: empty`},
		{"delivers nothing", `assert_delivered(connect(), "a")`, `2: connect without a user delivers nothing: give assert_delivered what publish returned`},
		{"not equal", `assert_equal({ a = { 1, "x" } }, { a = { 1, "y" } }, "what")`, `2: what: got {a = {1, "x"}}, want {a = {1, "y"}}`},
		{"nil is not false", `assert_equal(nil, false)`, `2: got nil, want false`},
		{"a text is no number", `assert_equal("1", 1)`, `2: got "1", want 1`},
		{"a list is no text", `assert_equal({ "a" }, "a")`, `2: got {"a"}, want "a"`},
		{"a text is no list", `assert_equal("a", { "a" })`, `2: got "a", want {"a"}`},
		{"more keys", `assert_equal({ a = 1, b = 2 }, { a = 1 })`, `2: got {a = 1, b = 2}, want {a = 1}`},
		{"other keys", `assert_equal({ a = 1 }, { b = 1 })`, `2: got {a = 1}, want {b = 1}`},
		{"an empty list is an empty table", `assert_equal(acts(), {}) assert_equal({}, logs())`, ""},
		{"an empty list is not nil", `assert_equal(acts(), nil)`, `2: got {}, want nil`},
		{"not true", `assert_true(nil)`, `2: got nil, want something that is true`},
		{"not true, in words", `assert_true(1 == 2, "one is two")`, `2: it should be true: one is two`},

		// assertions that are used wrongly
		{"no outcome", `assert_allowed(true)`, `2: bad argument #1 to assert_allowed (what connect, publish, subscribe or event returned expected, got boolean)`},
		{"a table that is none", `assert_denied({})`, `2: bad argument #1 to assert_denied (what connect, publish, subscribe or event returned expected, got table)`},
		{"a client is none", `assert_dropped(client())`, `2: bad argument #1 to assert_dropped (`},
		{"nothing", `assert_failed()`, `2: bad argument #1 to assert_failed (`},
		{"no part", `assert_denied(client():publish("b"), {})`, `2: bad argument #2 to assert_denied (a part of the text expected, got table)`},
		{"no part of an error", `assert_failed(client():publish("a.bad"), true)`, `2: bad argument #2 to assert_failed (a part of the text expected, got boolean)`},
		{"no pattern to reach", `assert_delivered(client():publish("b"))`, `2: bad argument #2 to assert_delivered (a pattern of subjects expected, got nil)`},
		{"one value", `assert_equal(1)`, `2: bad arguments to assert_equal (two values expected, got 1)`},
		{"no message", `assert_equal(1, 1, 1)`, `2: bad argument #3 to assert_equal (a text expected, got number)`},
		{"what cannot be compared", `assert_equal(print or assert_equal, 1, "f")`, `2: f: the first value cannot be compared: `},
		{"what cannot be compared with", `assert_equal(1, assert_equal)`, `2: the second value cannot be compared: `},
		{"no words", `assert_true(1, 1)`, `2: bad argument #2 to assert_true (a text expected, got number)`},

		// tests
		{"it asserts nothing", `connect()`, `1: the test asserts nothing`},
		{"an error", `assert_true(1) error("oh")`, `2: oh`},
		{"a field of nil", `assert_true(1) local x = nil .. ""`, `2: cannot perform concat operation`},
		{"pcall hides nothing", `pcall(assert_true, false, "hidden") assert_true(true)`, `it should be true: hidden`},
		{"a test in a test", `assert_true(1) test("x", function() end)`, `2: test "x" is declared in another test: do it at the top level`},
		{"globals are read-only", `x = 1 assert_true(1)`, `2: cannot set global x`},
		{"a loop without end", `assert_true(1) while true do end`, `; make it do less, or raise `},
		{"memory without end", `assert_true(1) local t = {} for i = 1, 1e9 do t[i % 60000] = ("x"):rep(1e6) .. i end`, `the script used up its memory`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := newDesktop(t, "a.lua", aScript, "testdata/a.txt", "content", "testdata/sub/b.txt", "",
				"a_test.lua", "test('one', function()\n"+tt.body+"\nend)")
			code, out, _ := d.run("test", "@a_test.lua")
			if tt.want == "" {
				if code != 0 || !strings.HasPrefix(out, "ok    a_test.lua  1 test (TIME)\n") {
					t.Errorf("code %d:\n%s", code, out)
				}
				return
			}
			want := tt.want
			if want[0] >= '0' && want[0] <= '9' {
				want = "a_test.lua:" + want
			}
			if code != 1 || !strings.HasPrefix(out, "FAIL  a_test.lua:1: one\n      ") || !strings.Contains(out, want) {
				t.Errorf("code %d:\n%s\nwant %s", code, out, want)
			}
		})
	}
}
