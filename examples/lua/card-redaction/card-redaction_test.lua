local json = require "json"

-- Numbers that card companies publish for tests.
local VISA, MASTERCARD, AMEX = "4111111111111111", "5555555555554444", "378282246310005"

local function send(payload, subject)
  settings{ subjects = { "chat.>", "orders.>" }, fields = { "cvv", "CVC" } }
  return client{ user = "alice" }:publish(subject or "chat.room1", payload)
end

-- becomes sends a payload, and checks what is delivered.
local function becomes(payload, want)
  assert_equal(send(payload).payload, want)
end

test("numbers in text", function()
  becomes("my card is " .. VISA .. ", thanks", "my card is ************1111, thanks")
  becomes(VISA, "************1111")
  becomes("4111 1111 1111 1111", "**** **** **** 1111")
  becomes("4111-1111-1111-1111", "****-****-****-1111")
  becomes("3782 822463 10005.", "**** ****** *0005.")
  becomes(AMEX .. "/" .. MASTERCARD, "***********0005/************4444")
  becomes('he said "' .. VISA .. '"', 'he said "************1111"')
end)

test("numbers with others right before and behind them", function()
  becomes("2026 4111 1111 1111 1111", "2026 **** **** **** 1111")
  becomes("x" .. VISA .. "x", "x************1111x")
  becomes("4111 1111 1111 1111 737", "**** **** **** 1111 737")
  becomes("12/26 4111 1111 1111 1111 737", "12/26 **** **** **** 1111 737")
  -- Of two cards in a row only the end of the second one is shown.
  becomes(VISA .. " " .. MASTERCARD, "**************** ************4444")
end)

test("what is no card number stays", function()
  for _, text in ipairs{
    "", "hello", "4111111111111112", "1234567890123456", "0000000000000000",
    "411111111111",                 -- too short
    "41111111111111111111111",      -- too long
    "2026-01-02 03:04:05", "+49 30 1234567",
    "\0\1\2\255", ("x"):rep(16000),
  } do
    becomes(text, text)
  end
end)

test("numbers in JSON", function()
  becomes('{"card":"' .. VISA .. '"}', '{"card":"************1111"}')
  becomes('{"card":' .. VISA .. '}', '{"card":"************1111"}')
  becomes('[{"a":{"b":["x","' .. MASTERCARD .. '"]}}]', '[{"a":{"b":["x","************4444"]}}]')
  becomes('{"note":"card ' .. VISA .. ' ok"}', '{"note":"card ************1111 ok"}')
  becomes('"' .. VISA .. '"', '"************1111"')
  becomes('{"' .. VISA .. '":1}', '{"************1111":1}')
end)

test("the rest of JSON stays as it was sent", function()
  becomes('{ "id": 90071992547409930, "f": 1.50, "s": "\\u00e9 \\/", "card": "' .. VISA .. '", "t": true, "n": null }',
    '{ "id": 90071992547409930, "f": 1.50, "s": "\\u00e9 \\/", "card": "************1111", "t": true, "n": null }')
end)

test("an escape does not hide a number", function()
  becomes('{"card":"\\u0034111111111111111"}', '{"card":"************1111"}')
  becomes('{"a":1,"a":"\\u0034111111111111111"}', '{"a":1,"a":"************1111"}')
end)

test("a quote in a string does not end it", function()
  becomes('{"a":"\\"' .. VISA .. '\\\\","b":"x"}', '{"a":"\\"************1111\\\\","b":"x"}')
end)

test("fields that are secret whatever is in them", function()
  becomes('{"cvv":"123","CVC":456,"cvx":"789","Cvv":null}', '{"cvv":"***","CVC":"***","cvx":"789","Cvv":"***"}')
  becomes('{"cvv":["1","2"],"x":"3"}', '{"cvv":["***","***"],"x":"3"}')
end)

test("what is delivered is still JSON", function()
  local doc = json.decode(send('{"a":"' .. VISA .. '","b":[' .. AMEX .. ',5],"cvv":true}').payload)
  assert_equal(doc, { a = "************1111", b = { "***********0005", 5 }, cvv = "***" })
end)

test("other subjects are left alone", function()
  assert_equal(send(VISA, "internal.x").payload, VISA)
end)

test("what is too large to look at does not pass", function()
  assert_failed(send(("x"):rep(17000) .. VISA))
end)

test("the largest message of digits is no failure", function()
  assert_allowed(send(("4111111111111111 "):rep(960)))
  assert_allowed(send(("4111 1111 1111 1111 "):rep(800)))
  assert_allowed(send(("1"):rep(16384)))
  assert_allowed(send(json.encode{ list = { ("7 "):rep(8000) } }))
end)

test("the log says that there was a number, and not which", function()
  send("it is " .. VISA .. " or " .. MASTERCARD)
  assert_equal(logs(), { "warn: masked card numbers count=2 subject=chat.room1 user=alice" })
end)
