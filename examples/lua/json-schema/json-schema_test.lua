local json = require "json"

-- send publishes a value, or a text as it stands, with the schemas that come with
-- the example.
local function send(value, subject)
  settings{ schemas = "file:schemas.json", answer = "deny" }
  local text = type(value) == "string" and value or json.encode(value)
  return client{ user = "alice" }:publish(subject or "orders.created", text)
end

-- order returns an order that is as it should be, but for what change does.
local function order(change)
  local o = {
    id = "o-4711",
    customer = { email = "alice@example.com", language = "en" },
    items = { { sku = "tea", quantity = 2, price = 3.5 }, { sku = "cup", quantity = 1 } },
  }
  if change then change(o) end
  return o
end

test("what fits passes as it is", function()
  local text = ' { "items" : [{"quantity":1,"sku":"tea"}],  "customer":{"email":"a@b", "colour":"red"}, "id":"o-1" } '
  assert_equal(send(text).payload, text)
  assert_allowed(send(order()))
end)

test("each pattern has a schema of its own, and other subjects have none", function()
  assert_allowed(send({ reason = "too late" }, "orders.cancelled.4711"))
  assert_denied(send(order(), "orders.cancelled.4711"), "it.reason is missing")
  assert_allowed(send("hello", "greetings"))
end)

for problem, change in pairs{
  ["it.id is missing"] = function(o) o.id = nil end,
  ["it.id must be of type string"] = function(o) o.id = 4711 end,
  ["it.id must match ^o-[0-9]{1,12}$"] = function(o) o.id = "o-4711; drop" end,
  ["it.customer must be of type object"] = function(o) o.customer = "alice" end,
  ["it.customer.email is missing"] = function(o) o.customer.email = nil end,
  ["it.customer.email must be of type string"] = function(o) o.customer.email = json.null end,
  ["it.customer.email must be at least 3 long"] = function(o) o.customer.email = "a@" end,
  ['it.customer.language must be one of ["de","en","fr"]'] = function(o) o.customer.language = "EN" end,
  ["it.items must be of type array"] = function(o) o.items = { sku = "tea", quantity = 1 } end,
  ["it.items must be at least 1 long"] = function(o) o.items = json.array() end,
  ["it.items must be at most 100 long"] = function(o) for i = 3, 101 do o.items[i] = o.items[1] end end,
  ["it.items[2].quantity is missing"] = function(o) o.items[2].quantity = nil end,
  ["it.items[1].quantity must be of type integer"] = function(o) o.items[1].quantity = 1.5 end,
  ["it.items[1].quantity must be at most 999"] = function(o) o.items[1].quantity = 1000 end,
  ["it.items[2].price must be at least 0"] = function(o) o.items[2].price = -0.01 end,
  ["it.gift must be of type boolean"] = function(o) o.gift = "yes" end,
  ["it has a field that is not known"] = function(o) o.card = "4111111111111111" end,
} do
  test("what does not fit is denied: " .. problem, function()
    assert_denied(send(order(change)), problem)
  end)
end

test("what is no JSON is denied", function()
  for _, text in ipairs{ "", "order", "{", '{"id":1}{}', '{"id":"o-1","id":"o-2"}', '{"id":"\255"}', ("["):rep(1000) } do
    assert_denied(send(text), "no JSON: ")
  end
end)

test("JSON that is no object is denied", function()
  for _, text in ipairs{ "null", "[]", "1", '"o-1"', "true" } do
    assert_denied(send(text), "it must be of type object")
  end
  assert_denied(send("{}"), "it.id is missing")
end)

test("the reason does not repeat what was sent", function()
  local said = send(order(function(o) o.customer["4111111111111111"], o.id = 1, "secret" end)).reason
  assert_true(not said:find("secret") and not said:find("4111"), said)
end)

test("what is too large does not pass", function()
  assert_failed(send(order(function(o) o.gift = ("x"):rep(70000) end)))
end)

test("with drop the client is told nothing", function()
  settings{ schemas = "file:schemas.json", answer = "drop" }
  assert_dropped(client():publish("orders.created", "{}"), "it.id is missing")
end)

for what, wrong in pairs{
  ["config.schemas is missing"] = { answer = "deny" },
  ["config.answer must be"] = { schemas = "file:schemas.json", answer = "refuse" },
  ["schemas[1].type is missing"] = { answer = "deny", schemas = { { subject = "a", schema = { typ = "object" } } } },
  ["has no key requried"] = { answer = "deny", schemas = { { subject = "a", schema = { type = "object", requried = { "a" } } } } },
  ["schemas[1].required: there is no property a"] = { answer = "deny", schemas = { { subject = "a", schema = { type = "object", required = { "a" } } } } },
  ["schemas[1].items.type is missing"] = { answer = "deny", schemas = { { subject = "a", schema = { type = "array", items = {} } } } },
  ["bad argument #1"] = { answer = "deny", schemas = { { subject = "a", schema = { type = "string", pattern = "(" } } } },
} do
  test("the script is not loaded: " .. what, function()
    settings(wrong)
    local ok, err = pcall(client)
    assert_true(not ok and tostring(err):find(what, 1, true), tostring(err))
  end)
end
