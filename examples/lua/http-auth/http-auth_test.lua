local URL = "http://127.0.0.1:9090/auth"

local ALICE = '{"user":"alice","account":"APP","publish":["orders.>"],"subscribe":["_INBOX.alice.>"]}'

-- come connects as alice, with other fields.
local function come(fields)
  settings{ url = URL }
  local request = { user = "alice", password = "secret" }
  for k, v in pairs(fields or {}) do request[k] = v end
  return connect(request)
end

local function answer(what)
  settings{ url = URL }
  http_answer(URL, what)
end

local function asked() return #http_requests() end

test("the service says who it is, and what they may do", function()
  answer{ body = ALICE }
  local alice = come()
  assert_allowed(alice)
  assert_equal({ alice.user, alice.account }, { "alice", "APP" })
  assert_allowed(alice:publish("orders.new", "1"))
  assert_denied(alice:publish("admin.stop", ""))
  assert_allowed(alice:subscribe("_INBOX.alice.1"))
  assert_denied(alice:subscribe("orders.>"))
end)

test("what the service is asked", function()
  answer{ body = ALICE }
  come{ host = "10.0.0.9" }
  local r = http_requests()[1]
  assert_equal({ r.method, r.url, r.body }, { "POST", URL, '{"host":"10.0.0.9","password":"secret","user":"alice"}' })
  assert_equal(r.headers["Content-Type"], "application/json")
end)

test("an answer without lists allows nothing", function()
  answer{ body = '{"user":"bob","account":"APP","publish":null}' }
  local bob = come()
  assert_allowed(bob)
  assert_denied(bob:publish("a", ""))
  assert_denied(bob:subscribe("a"))
end)

test("a yes is kept for a minute", function()
  answer{ body = ALICE }
  for _ = 1, 3 do assert_allowed(come()) end
  assert_equal(asked(), 1)
  advance(61)
  answer{ status = 401 }
  assert_denied(come(), "said no")
end)

test("a no is kept for five seconds", function()
  answer{ status = 401 }
  for _ = 1, 3 do assert_denied(come(), "said no") end
  assert_equal(asked(), 1)
  advance(6)
  answer{ body = ALICE }
  assert_allowed(come())
end)

test("an answer is kept for this password, this name and this host only", function()
  answer{ body = ALICE }
  assert_allowed(come())
  answer{ status = 401 }
  assert_denied(come{ password = "secreT" })
  assert_denied(come{ user = "alicE" })
  assert_denied(come{ host = "10.0.0.9" })
  -- The same letters, cut elsewhere.
  assert_denied(come{ user = "alices", password = "ecret" })
  assert_allowed(come())
end)

for what, bad in pairs{
  ["no connection"] = { error = "connection refused" },
  ["a server error"] = { status = 500, body = ALICE },
  ["another success"] = { status = 204 },
  ["a redirect to nowhere"] = { status = 302 },
  ["no JSON"] = { body = "welcome" },
  ["JSON, but no object"] = { body = '"alice"' },
  ["nobody"] = { body = "{}" },
  ["a user that is no text"] = { body = '{"user":1,"account":"APP"}' },
  ["no account"] = { body = '{"user":"alice"}' },
  ["too much"] = { body = ALICE .. (" "):rep(20000) },
} do
  test("nobody is let in on " .. what .. ", and it is asked again", function()
    answer(bad)
    assert_denied(come())
    assert_true(logs()[1]:find("^error: the authentication service "), logs()[1])
    answer{ body = ALICE }
    assert_allowed(come())
    assert_equal(asked(), 2)
  end)
end

test("a list with a slip in it is a failure, which lets nobody in", function()
  answer{ body = '{"user":"alice","account":"APP","publish":["a..b"]}' }
  assert_failed(come(), "a..b")
end)

test("without name and password nobody is asked", function()
  settings{ url = URL }
  assert_denied(connect{}, "no name")
  assert_denied(connect{ user = "alice" }, "no password")
  assert_denied(connect{ token = "secret" }, "no name")
  assert_denied(come{ password = "\255" }, "UTF-8")
  assert_equal(asked(), 0)
end)

test("the log holds no password", function()
  answer{ error = "connection refused" }
  come()
  assert_true(not logs()[1]:find("secret"), logs()[1])
end)
