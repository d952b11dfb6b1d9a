local function with_settings()
  settings{
    jwks = "file:testdata/jwks.json",
    issuer = "https://login.example.com",
    audience = "nats",
    tenants = { acme = "ACME", globex = "GLOBEX" },
  }
end

-- come connects with a token of testdata.
local function come(name)
  with_settings()
  return connect{ token = (fixture(name .. ".jwt"):gsub("%s", "")) }
end

test("a reader reads the orders of its tenant, and writes nothing", function()
  local alice = come("alice")
  assert_allowed(alice)
  assert_equal({ alice.user, alice.account, alice.tags.role }, { "alice", "ACME", "reader" })
  assert_allowed(alice:subscribe("orders.>"))
  assert_denied(alice:subscribe(">"))
  assert_denied(alice:publish("orders.new", "{}"))
end)

test("a writer writes orders, and reads none", function()
  local bob = come("bob")
  assert_delivered(bob:publish("orders.new", "{}"), "orders.>")
  assert_denied(bob:publish("invoices.new", "{}"))
  assert_denied(bob:subscribe("orders.>"))
end)

test("a service takes part in queue groups", function()
  local dora = come("dora")
  assert_allowed(dora:subscribe("orders.new", "workers"))
  assert_denied(dora:publish("orders.new", "{}"))
end)

test("everybody has an inbox, and nobody that of another", function()
  local alice = come("alice")
  assert_allowed(alice:subscribe("_INBOX.alice.*"))
  assert_denied(alice:subscribe("_INBOX.bob.*"))
  assert_denied(alice:subscribe("_INBOX.>"))
end)

test("tenants have accounts of their own", function()
  assert_equal(come("carol").account, "GLOBEX")
end)

test("the connection ends with the token", function()
  assert_equal(come("alice").expires, 4102444800)
end)

test("a token that was good is refused when it is over", function()
  assert_allowed(come("alice"))
  advance(1e9)
  advance(1e9)
  advance(1e9) -- it is past 2100 now
  assert_denied(come("alice"), "expired")
end)

for name, reason in pairs{
  expired = "has expired",
  endless = "does not say when it expires",
  elsewhere = "another audience",
  other_issuer = "issuer",
  forged = "signature",
  forged_no_kid = "signature",
  system = "tenant is not known",
  no_tenant = "tenant is not known",
  tenant_list = "tenant is not known",
  no_role = "role is not known",
  no_sub = "NATS subject",
  everybody = "NATS subject",
  mail_address = "NATS subject",
} do
  test("the token " .. name .. " is refused", function()
    assert_denied(come(name), reason)
  end)
end

test("what is no token is refused, and not a failure of the script", function()
  with_settings()
  assert_denied(connect{}, "no token")
  assert_denied(connect{ user = "alice", password = "secret" }, "no token")
  assert_denied(connect{ token = "" }, "no token")
  assert_denied(connect{ token = "a.b" })
  assert_denied(connect{ token = "..." })
  assert_denied(connect{ token = ("x"):rep(100000) })
  -- {"alg":"none"} and {"sub":"alice","tenant":"acme","role":"reader","exp":4102444800}
  assert_denied(connect{ token = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSIsInRlbmFudCI6ImFjbWUiLCJyb2xlIjoicmVhZGVyIiwiZXhwIjo0MTAyNDQ0ODAwfQ." })
end)

test("the log holds no token", function()
  come("alice")
  come("forged")
  assert_equal(#logs(), 0)
end)
