local function set(percent, more)
  local all = { subjects = { "shop.cart", "shop.orders.>" }, percent = percent, release = "2.0.0" }
  for k, v in pairs(more or {}) do all[k] = v end
  settings(all)
end

-- goes returns where a message of a user goes.
local function goes(user, subject)
  return client{ user = user }:publish(subject or "shop.cart", "1").subject
end

-- share returns how many of 400 users get the new version.
local function share()
  local n = 0
  for i = 1, 400 do
    if goes("user" .. i) == "shop.cart.canary" then n = n + 1 end
  end
  return n
end

test("nobody", function()
  set(0)
  assert_equal(share(), 0)
end)

test("everybody", function()
  set(100)
  assert_equal(share(), 400)
end)

test("a quarter of the users", function()
  set(25)
  local n = share()
  assert_true(n > 70 and n < 130, n .. " of 400")
end)

test("a user stays with a version, on all subjects of the service", function()
  set(50)
  assert_equal({ goes("alice"), goes("alice"), goes("alice", "shop.orders.new") }, { "shop.cart", "shop.cart", "shop.orders.new" })
  assert_equal({ goes("bob"), goes("bob"), goes("bob", "shop.orders.new") }, { "shop.cart.canary", "shop.cart.canary", "shop.orders.new.canary" })
end)

test("other subjects are left alone", function()
  set(100)
  assert_equal(goes("alice", "shop.stock"), "shop.stock")
end)

test("who asks for the new version gets it, once", function()
  set(100)
  assert_equal(goes("alice", "shop.orders.new.canary"), "shop.orders.new.canary")
end)

test("by subject, all users of a subject get the same version", function()
  set(50, { by = "subject" })
  local chosen = 0
  for i = 1, 40 do
    local subject = "shop.orders." .. i
    local first = goes("alice", subject)
    assert_equal(goes("bob", subject), first)
    if first ~= subject then chosen = chosen + 1 end
  end
  assert_true(chosen > 8 and chosen < 32, chosen .. " of 40")
end)

test("somebody without a name stays on the old version", function()
  set(100)
  assert_equal(goes(""), "shop.cart")
end)

test("answers are kept for each user and subject", function()
  set(100)
  local alice = client{ user = "alice" }
  assert_true(not alice:publish("shop.cart", "1").cached)
  assert_true(alice:publish("shop.cart", "2").cached)
  assert_true(not alice:publish("shop.orders.1", "2").cached)
  assert_true(not client{ user = "bob" }:publish("shop.cart", "2").cached)
end)

-- Who is chosen at 20 percent is at 40, too.
for percent, users in pairs{
  [20] = { user4 = true, user5 = true, user6 = false, user15 = false, user7 = false },
  [40] = { user4 = true, user5 = true, user6 = true, user15 = true, user7 = false },
} do
  test("at " .. percent .. " percent", function()
    set(percent)
    for user, chosen in pairs(users) do
      assert_equal(goes(user), chosen and "shop.cart.canary" or "shop.cart", user)
    end
  end)
end

for _, percent in ipairs{ -1, 101, "10" } do
  test("a percentage that is none: " .. percent, function()
    set(percent)
    local ok, err = pcall(client)
    assert_true(not ok and tostring(err):find("config.percent", 1, true), tostring(err))
  end)
end
