-- device is one of the old ones, which may publish to the new subjects only.
local function device()
  settings{ metrics = { t = "temperature", h = "humidity" } }
  return client{ user = "device", permissions = { publish = { allow = { "telemetry.*.*" } } } }
end

test("old subjects become new ones", function()
  assert_delivered(device():publish("dev.4711.t", "21.5"), "telemetry.4711.temperature")
  assert_delivered(device():publish("dev.4711.h", "60"), "telemetry.4711.humidity")
end)

test("the message stays as it is", function()
  local sent = device():publish("dev.4711.t", "21.5", { headers = { Unit = "C" } })
  assert_equal({ sent.payload, sent.headers }, { "21.5", { unit = { "C" } } })
end)

test("new subjects are left alone", function()
  assert_delivered(device():publish("telemetry.4711.temperature", "21.5"), "telemetry.4711.temperature")
end)

test("what a device never sent is refused", function()
  for _, subject in ipairs{ "dev.4711.x", "dev.4711", "dev.4711.t.now", "dev.4711.T", "dev.a\0b.t" } do
    assert_denied(device():publish(subject, ""), "no subject of a device")
  end
end)

test("permissions are asked for the new subject", function()
  settings{ metrics = { t = "temperature" } }
  local guest = client{ user = "guest", permissions = { publish = { allow = { "dev.>" } } } }
  assert_denied(guest:publish("dev.4711.t", "21.5"), "telemetry.4711.temperature")
end)

test("answers are kept", function()
  local d = device()
  assert_true(not d:publish("dev.4711.t", "21.5").cached)
  assert_true(d:publish("dev.4711.t", "21.6").cached)
  assert_true(device():publish("dev.4711.t", "21.7").cached, "for other devices, too")
  d:publish("dev.4711.x", "")
  assert_true(d:publish("dev.4711.x", "").cached)
  advance(301)
  assert_true(not d:publish("dev.4711.t", "21.8").cached)
end)

for what, metrics in pairs{
  ["config.metrics is missing"] = false,
  ["config.metrics.t must be one token"] = { t = "air.temperature" },
  ["config.metrics.h must be one token"] = { h = 5 },
} do
  test("the script is not loaded: " .. what, function()
    settings{ metrics = metrics }
    local ok, err = pcall(client)
    assert_true(not ok and tostring(err):find(what, 1, true), tostring(err))
  end)
end
