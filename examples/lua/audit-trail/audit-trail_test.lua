local function set() settings{ subjects = { "admin.>", "orders.>" } } end

local function alice()
  set()
  return client{ user = "alice", account = "APP", name = "laptop", host = "10.0.0.9" }
end

test("a message on a subject of note", function()
  alice():publish("orders.new", "card 4111", { reply = "_INBOX.1", headers = { Authorization = "secret" } })
  assert_equal(logs(), {
    "info: audit account=APP cid=1 event=publish host=10.0.0.9 name=laptop reply=_INBOX.1 size=44 subject=orders.new user=alice",
  })
end)

test("the message stays as it is", function()
  local sent = alice():publish("orders.new", "1", { headers = { A = "b" } })
  assert_equal({ sent.subject, sent.payload, sent.headers }, { "orders.new", "1", { a = { "b" } } })
end)

test("other messages have no line", function()
  alice():publish("news.today", "1")
  assert_equal(#logs(), 0)
end)

test("a message that permissions refuse has no line", function()
  set()
  client{ user = "bob", permissions = { publish = { deny = { "admin.>" } } } }:publish("admin.stop", "")
  assert_equal(#logs(), 0)
end)

test("who comes and goes", function()
  local who = alice()
  event("connect", { client = who })
  event("disconnect", { client = who, reason = "Client Closed" })
  assert_equal(logs(), {
    "info: audit account=APP cid=1 event=connect host=10.0.0.9 name=laptop user=alice",
    "info: audit account=APP cid=1 event=disconnect host=10.0.0.9 name=laptop reason=Client Closed user=alice",
  })
end)

test("who was not let in", function()
  set()
  event("auth_error", { reason = "wrong password" })
  assert_equal(#logs(), 1)
  assert_true(logs()[1]:find("event=auth_error.* reason=wrong password"), logs()[1])
end)

test("an event of the server has no client", function()
  set()
  event("reload", { reason = "authorization" })
  assert_equal(logs(), { "info: audit event=reload reason=authorization" })
end)

test("who listens to what, but for inboxes", function()
  local who = alice()
  event("subscribe", { client = who, subject = "orders.>", queue = "workers" })
  event("unsubscribe", { client = who, subject = "orders.>", queue = "workers" })
  event("subscribe", { client = who, subject = "_INBOX.abc.*" })
  local got = logs()
  assert_equal(#got, 2)
  assert_true(got[1]:find("event=subscribe.* queue=workers subject=orders%.> user=alice"), got[1])
  assert_true(got[2]:find("event=unsubscribe"), got[2])
end)

test("a client cannot write a line of its own", function()
  set()
  client{ user = "eve", name = "x\nINF audit event=connect user=root" }:publish("orders.new", "1")
  assert_equal(#logs(), 1)
end)
