local crypto = require "crypto"

local LAPTOP = "laptop.q7Zt3mVx9KpL2wRb" -- of the file that comes with the example

local function come(token)
  settings{ keys = "file:keys.json" }
  return connect{ token = token }
end

-- entry is that of a key whose secret is "secret", with other fields.
local function entry(fields)
  local e = { sha256 = crypto.sha256("secret"), user = "bob", account = "APP" }
  for k, v in pairs(fields or {}) do e[k] = v end
  return e
end

-- with_entry connects with the key id.secret, which has an entry with some fields.
local function with_entry(fields, more)
  local all = { keys = { id = entry(fields) } }
  for k, v in pairs(more or {}) do all[k] = v end
  settings(all)
  return connect{ token = "id.secret" }
end

test("a key says who somebody is, and what they may do", function()
  local alice = come(LAPTOP)
  assert_allowed(alice)
  assert_equal({ alice.user, alice.account, alice.tags }, { "alice", "APP", { key = "laptop", plan = "gold" } })
  assert_delivered(alice:publish("orders.new", "1"), "orders.>")
  assert_denied(alice:publish("admin.stop", ""))
  assert_allowed(alice:subscribe("_INBOX.alice.1"))
  assert_denied(alice:subscribe("_INBOX.bob.1"))
end)

test("what the file does not allow is not allowed", function()
  local sensor = come("sensor-1.H4nYc8JdT6sQ5gFe")
  assert_allowed(sensor:publish("orders.sensor-1", "1"))
  assert_denied(sensor:publish("orders.sensor-2", "1"))
  assert_denied(sensor:subscribe("orders.>"))
end)

test("an entry without lists allows nothing", function()
  local bob = with_entry()
  assert_allowed(bob)
  assert_denied(bob:publish("a", ""))
  assert_denied(bob:subscribe("a"))
end)

test("a wrong secret, an unknown ID and nonsense are refused alike", function()
  for _, token in ipairs{
    "laptop.q7Zt3mVx9KpL2wRc", "laptop.x", "phone.q7Zt3mVx9KpL2wRb",
    -- The hash is not the secret.
    "laptop.d01409551544f995cd850edf0dfb1682126f6d603a52edd99f9e38b1d3adab1b",
  } do
    assert_denied(come(token), "the API key is wrong")
  end
  for _, token in ipairs{
    "", ".", "laptop", "laptop.", ".q7Zt3mVx9KpL2wRb", LAPTOP .. ".x", LAPTOP .. " ", "lap top.x",
    "laptop.q7Zt3mVx9KpL2wRb\0", ("a"):rep(50000),
  } do
    assert_denied(come(token), "there is no API key")
  end
  assert_denied(come(nil), "there is no API key")
  assert_denied(connect{ user = "alice", password = LAPTOP }, "there is no API key")
end)

test("a key that has expired is refused", function()
  assert_denied(come("intern.b2Wk7PzN4rXm9LtC"), "expired")
end)

test("a connection lasts as long as a session, or as its key", function()
  local bob = with_entry(nil, { session = 60 })
  local first = bob.expires
  advance(10)
  assert_equal(connect{ token = "id.secret" }.expires, first + 10)
end)

test("a key that ends before the session ends the connection", function()
  assert_equal(with_entry({ expires = "2100-01-01T00:00:00Z" }, { session = 1e10 }).expires, 4102444800)
end)

for what, fields in pairs{
  ["64 digits"] = { sha256 = "secret" },
  ["in lower case"] = { sha256 = crypto.sha256("secret"):upper() },
  ["user is missing"] = { user = "" },
  ["has a space"] = { user = "a b" },
  ["account is missing"] = { account = 5 },
  ["no valid subject: a..b"] = { publish = { "a..b" } },
  ["no valid subject: 5"] = { subscribe = { "a", 5 } },
  ["publish must be a list"] = { publish = "a" },
  ["subscribe must be a list"] = { subscribe = { allow = { "a" } } },
  ["there is no field subscribes"] = { subscribes = { "a" } },
  ["expires must be a time"] = { expires = "tomorrow" },
  ["expires must be a time such as"] = { expires = 1700000000 },
} do
  test("a file with a slip is not loaded: " .. what, function()
    local ok, err = pcall(with_entry, fields)
    assert_true(not ok and tostring(err):find(what, 1, true), tostring(err))
  end)
end
