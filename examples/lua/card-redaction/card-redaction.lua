-- Card numbers in messages are masked, but for the last four digits, before anybody
-- gets to see them. What looks like a number and is none stays: of sixteen digits
-- that somebody made up, nine in ten fail the check of the last digit (Luhn).
--
-- In JSON only the strings and numbers that hold a card number are written anew. All
-- else stays as it was sent, byte for byte, also numbers with many digits.

local json = require "json"
local re = require "re"

hook.version("1.0")

assert(config.subjects, "config.subjects is missing: those with messages to look at")

-- Names of fields in JSON whose values are masked whole, such as cvv. In lower case.
local secret = {}
for _, name in ipairs(config.fields or {}) do secret[name:lower()] = true end

-- What a message must have at least to be worth a look: digits for a card, or an
-- escape of JSON that stands for one (\u0034).
local SUSPECT = [[[0-9](?:[ -]?[0-9]){12}|\\u00]]

-- Groups of digits with a blank or a dash between them.
local RUN = "[0-9]{4,}(?:[ -][0-9]+)*"

-- luhn tells whether the last of some digits is the check digit of the others.
local function luhn(digits)
  local sum, double = 0, false
  for i = #digits, 1, -1 do
    local d = digits:byte(i) - 48
    if double then
      d = d * 2
      if d > 9 then d = d - 9 end
    end
    sum, double = sum + d, not double
  end
  return sum % 10 == 0
end

-- cards marks the groups that are parts of a card number: of 13 to 19 digits in
-- groups that follow each other. All are tried, as a year or another card may stand
-- right before the number.
local function cards(groups)
  local marked = {}
  for first = 1, #groups do
    local digits = ""
    for last = first, #groups do
      digits = digits .. groups[last]
      if #digits > 19 or #groups[first] < 4 or digits:byte() == 48 then break end
      if #digits >= 13 and luhn(digits) then
        for i = first, last do marked[i] = true end
      end
    end
  end
  return marked
end

-- mask returns a run with stars in the place of cards, and how many there were.
local function mask(run)
  local groups, behind = {}, {}
  for digits, separator in run:gmatch("(%d+)([ -]?)") do
    table.insert(groups, digits)
    table.insert(behind, separator)
  end
  local marked = cards(groups)
  local found, shown, parts = 0, 0, {}
  for i = #groups, 1, -1 do -- from the end: the last four digits are shown
    local digits = groups[i]
    if marked[i] then
      if not marked[i + 1] then found, shown = found + 1, 4 end
      local n = math.min(shown, #digits)
      digits, shown = ("*"):rep(#digits - n) .. digits:sub(#digits - n + 1), shown - n
    end
    parts[i] = digits .. behind[i]
  end
  return table.concat(parts), found
end

-- redact masks the card numbers in plain text, and returns how many there were.
local function redact(text)
  local found = 0
  local clean = re.gsub(RUN, text, function(run)
    local masked, n = mask(run)
    found = found + n
    return n > 0 and masked or nil
  end)
  return clean, found
end

-- A string of JSON and the colon behind it, if it is the name of a field; or a
-- number, true, false or null.
local LITERAL = [[("(?:[^"\\]|\\.)*")(\s*:)?|([-+.0-9A-Za-z]+)]]

-- redact_json does the same to JSON.
local function redact_json(text)
  local found, field = 0, nil
  local clean = re.gsub(LITERAL, text, function(str, colon, bare)
    if colon then
      field = json.decode(str):lower()
      local name, n = redact(json.decode(str))
      found = found + n
      return n > 0 and json.encode(name) .. colon or nil
    end
    if secret[field] then
      found = found + 1
      return '"***"'
    end
    local value, n = redact(str and json.decode(str) or bare)
    found = found + n
    return n > 0 and json.encode(value) or nil
  end)
  return clean, found
end

hook.inspect(config.subjects, function(msg)
  local payload = msg.payload
  if not next(secret) and not re.test(SUSPECT, payload) then return nil end

  -- Two equal keys in an object are no reason to take JSON for plain text here. And
  -- somebody who sends digits alone hardly means a number.
  local kind = type(json.decode(payload, { duplicates = "last" }))
  local is_json = kind ~= "nil" and kind ~= "number"
  local clean, found = (is_json and redact_json or redact)(payload)
  if found == 0 then return nil end
  msg.payload = clean
  log.warn("masked card numbers", { user = msg.client.user, subject = msg.subject, count = found })
end, { max_payload = config.max_payload or 16384 }) -- what is larger does not pass
