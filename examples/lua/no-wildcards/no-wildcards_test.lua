local function somebody(identity)
  settings{ accounts = { "MONITORING" }, roles = { "operator" }, patterns = { "news.>", "weather.*.now" } }
  identity = identity or {}
  identity.user = identity.user or "alice"
  return client(identity)
end

local function allowed(who, ...)
  for _, subject in ipairs{ ... } do assert_allowed(who:subscribe(subject)) end
end

local function denied(who, reason, ...)
  for _, subject in ipairs{ ... } do assert_denied(who:subscribe(subject), reason) end
end

test("a subject without wildcards is open", function()
  allowed(somebody(), "orders", "orders.4711", "a*", "a.b>", "_INBOXES.x")
end)

test("wildcards are not", function()
  denied(somebody(), "wildcards", ">", "*", "orders.>", "orders.*", "*.new", "_INBOXES.>", "$SYS.>")
end)

test("patterns for all, and what lies within them", function()
  allowed(somebody(), "news.>", "news.*", "news.*.berlin", "weather.*.now", "weather.berlin.now")
  denied(somebody(), "wildcards", "news*.>", "*.berlin", "weather.>", "weather.*.*")
end)

test("an inbox is for its owner", function()
  local alice = somebody()
  allowed(alice, "_INBOX.alice.1", "_INBOX.alice.*", "_INBOX.alice.>", "_INBOX.alice.1.2")
  denied(alice, "inbox", "_INBOX.bob.1", "_INBOX.bob.>", "_INBOX.>", "_INBOX.*", "_INBOX.*.1", "_INBOX.*.*", "_INBOX.alice")
  denied(alice, "wildcards", "*.alice.1", "*.bob.>")
end)

test("a name that is no token has no inbox", function()
  denied(somebody{ user = "a.b" }, "inbox", "_INBOX.a.b.1", "_INBOX.a.1")
  denied(somebody{ user = "*" }, "inbox", "_INBOX.bob.1", "_INBOX.*.1")
  denied(somebody{ user = ">" }, "inbox", "_INBOX.bob.1")
end)

test("who has no name has no inbox", function()
  settings{}
  denied(client{}, "inbox", "_INBOX.1", "_INBOX.x.1")
end)

test("a queue group makes no difference", function()
  assert_denied(somebody():subscribe("orders.>", "workers"))
  assert_allowed(somebody():subscribe("orders.new", "workers"))
end)

test("some accounts and roles do as they like", function()
  allowed(somebody{ account = "MONITORING" }, ">", "_INBOX.>", "orders.>")
  allowed(somebody{ tags = { role = "operator" } }, ">", "_INBOX.>", "orders.>")
  denied(somebody{ account = "MONITORING2" }, "wildcards", ">")
  denied(somebody{ tags = { role = "reader" } }, "wildcards", ">")
  denied(somebody{ user = "MONITORING", account = "APP" }, "wildcards", ">")
end)

test("without settings there are no exceptions", function()
  settings{}
  local alice = client{ user = "alice" }
  allowed(alice, "orders.4711", "_INBOX.alice.>")
  denied(alice, "wildcards", ">", "news.>")
end)

test("answers are kept for each user, account, role and subject", function()
  local alice = somebody()
  assert_true(not alice:subscribe("orders.>").cached)
  assert_true(alice:subscribe("orders.>").cached)
  assert_true(not alice:subscribe("orders.1").cached)
  assert_true(not somebody{ user = "bob" }:subscribe("orders.>").cached)
  assert_true(not somebody{ account = "OTHER" }:subscribe("orders.>").cached)
  assert_allowed(somebody{ tags = { role = "operator" } }:subscribe("orders.>"))
end)

test("a pattern with a slip keeps the script out", function()
  settings{ patterns = { "news.>.x" } }
  local ok, err = pcall(client)
  assert_true(not ok and tostring(err):find("config.patterns", 1, true), tostring(err))
end)
