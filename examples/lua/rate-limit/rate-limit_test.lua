local function set(more)
  local all = {
    default = { rate = 1, burst = 3 },
    accounts = { BATCH = { rate = 10 } },
    plans = { gold = { rate = 100, burst = 5 } },
  }
  for k, v in pairs(more or {}) do all[k] = v end
  settings(all)
end

-- passed publishes so many messages, and returns how many were allowed.
local function passed(who, messages, subject)
  local n = 0
  for _ = 1, messages do
    if who:publish(subject or "a", "1").allowed then n = n + 1 end
  end
  return n
end

test("a burst passes, and what is beyond it is denied", function()
  set()
  local alice = client{ user = "alice" }
  assert_equal(passed(alice, 3), 3)
  assert_denied(alice:publish("a", "1"), "too many messages")
end)

test("tokens come back at the rate, up to the burst", function()
  set()
  local alice = client{ user = "alice" }
  passed(alice, 3)
  advance(1)
  assert_equal(passed(alice, 5), 1)
  advance(3600)
  assert_equal(passed(alice, 5), 3)
end)

test("all connections of a user have one limit", function()
  set()
  passed(client{ user = "alice" }, 3)
  assert_denied(client{ user = "alice" }:publish("a", "1"))
end)

test("users do not spend the tokens of others", function()
  set()
  passed(client{ user = "alice" }, 10)
  assert_equal(passed(client{ user = "bob" }, 10), 3)
  assert_equal(passed(client{ user = "alice", account = "OTHER" }, 10), 3)
end)

test("who has no name is known by the address", function()
  set()
  passed(client{ host = "10.0.0.1" }, 10)
  assert_denied(client{ host = "10.0.0.1" }:publish("a", "1"))
  assert_allowed(client{ host = "10.0.0.2" }:publish("a", "1"))
  assert_allowed(client{ user = "10.0.0.1" }:publish("a", "1"))
end)

test("an account has a limit for each of its users", function()
  set()
  assert_equal(passed(client{ user = "alice", account = "BATCH" }, 20), 10)
  assert_equal(passed(client{ user = "bob", account = "BATCH" }, 20), 10)
end)

test("a plan comes before the account", function()
  set()
  assert_equal(passed(client{ user = "alice", account = "BATCH", tags = { plan = "gold" } }, 20), 5)
end)

test("a plan that is not known is none", function()
  set()
  assert_equal(passed(client{ user = "alice", tags = { plan = "platinum" } }, 20), 3)
end)

test("only some subjects are counted", function()
  set{ subjects = { "orders.>" } }
  local alice = client{ user = "alice" }
  assert_equal(passed(alice, 10, "news"), 10)
  assert_equal(passed(alice, 10, "orders.new"), 3)
end)

for what, wrong in pairs{
  ["config.default.rate"] = { default = {} },
  ["config.plans.gold.rate"] = { plans = { gold = { rate = 0 } } },
  ["config.accounts.A.burst"] = { accounts = { A = { rate = 1, burst = 0.5 } } },
} do
  test("the script is not loaded: " .. what, function()
    set(wrong)
    local ok, err = pcall(client)
    assert_true(not ok and tostring(err):find(what, 1, true), tostring(err))
  end)
end
