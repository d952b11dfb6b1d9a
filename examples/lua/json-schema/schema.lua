-- What makes a function of a schema. Values are checked by closures, which are made
-- once, when the script is loaded; a slip in a schema keeps the script out.

local json = require "json"
local re = require "re"

local M = {}

local TYPES = {
  object = "table", array = "table", string = "string", number = "number", integer = "number",
  boolean = "boolean", null = "userdata",
}

-- KEYS says for which types a key of a schema is.
local KEYS = {
  type = {}, enum = {},
  properties = { "object" }, required = { "object" }, additional = { "object" },
  items = { "array" },
  pattern = { "string" },
  min = { "array", "string", "number", "integer" }, -- elements, bytes, or the value
  max = { "array", "string", "number", "integer" },
}

local function has(list, value)
  for _, v in ipairs(list) do
    if v == value then return true end
  end
  return false
end

-- is tells whether a value is of a type. json.decode makes tables of objects and of
-- arrays; an empty one is an array if json.encode says so.
local function is(typ, value)
  if type(value) ~= TYPES[typ] then return false end
  if typ == "integer" then return value % 1 == 0 end
  if typ == "null" then return value == json.null end
  if type(value) ~= "table" then return true end
  local array = #value > 0 or (next(value) == nil and json.encode(value) == "[]")
  return array == (typ == "array")
end

local compile

-- object returns what checks the properties of an object.
local function object(s, where)
  local properties = {}
  for name, sub in pairs(s.properties or {}) do
    properties[name] = compile(sub, where .. ".properties." .. name)
  end
  for _, name in ipairs(s.required or {}) do
    assert(properties[name], where .. ".required: there is no property " .. tostring(name))
  end
  return function(value, at)
    for _, name in ipairs(s.required or {}) do
      if value[name] == nil then return at .. "." .. name .. " is missing" end
    end
    for name, v in pairs(value) do
      local check = properties[name]
      -- The name comes from the client, and so it is not told either.
      if not check and s.additional == false then return at .. " has a field that is not known" end
      local problem = check and check(v, at .. "." .. name)
      if problem then return problem end
    end
  end
end

-- array returns what checks the elements of an array.
local function array(s, where)
  local check = s.items and compile(s.items, where .. ".items")
  return function(value, at)
    for i, v in ipairs(value) do
      local problem = check and check(v, at .. "[" .. i .. "]")
      if problem then return problem end
    end
  end
end

-- bounds returns what checks how large a number is, or how long something else.
local function bounds(s)
  local measure = (s.type == "string" or s.type == "array") and " long" or ""
  return function(value, at)
    local n = measure == "" and value or #value
    if s.min and n < s.min then return at .. " must be at least " .. s.min .. measure end
    if s.max and n > s.max then return at .. " must be at most " .. s.max .. measure end
  end
end

function compile(s, where)
  assert(type(s) == "table", where .. " is no schema")
  assert(TYPES[s.type], where .. ".type is missing, or not known")
  for key in pairs(s) do
    local types = KEYS[key]
    assert(types and (#types == 0 or has(types, s.type)), where .. ": a schema of type " .. s.type .. " has no key " .. tostring(key))
  end

  local checks = {}
  if s.type == "object" then table.insert(checks, object(s, where)) end
  if s.type == "array" then table.insert(checks, array(s, where)) end
  if s.min or s.max then table.insert(checks, bounds(s)) end
  if s.enum then
    table.insert(checks, function(value, at)
      if not has(s.enum, value) then return at .. " must be one of " .. json.encode(s.enum) end
    end)
  end
  if s.pattern then
    re.test(s.pattern, "") -- fails now if it is none
    table.insert(checks, function(value, at)
      if not re.test(s.pattern, value) then return at .. " must match " .. s.pattern end
    end)
  end

  return function(value, at)
    if not is(s.type, value) then return at .. " must be of type " .. s.type end
    for _, check in ipairs(checks) do
      local problem = check(value, at)
      if problem then return problem end
    end
  end
end

-- compile returns a function that takes a text, and returns what is wrong with it;
-- nil if it fits the schema.
function M.compile(s, where)
  local check = compile(s, where)
  return function(text)
    local value, err = json.decode(text)
    if err then return "no JSON: " .. err end
    return check(value, "it")
  end
end

return M
