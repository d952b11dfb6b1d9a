-- Whoever connects shows an API key, ID.SECRET, as its token. keys.json has an
-- entry for each ID. It holds a hash of the secret, not the secret: who reads the
-- file cannot connect.
--
-- The broker watches the file. When it changes, the script is loaded anew; when it
-- is wrong, what ran before runs on, and the log says what is wrong with it.

local crypto = require "crypto"
local subject = require "subject"
local time = require "time"

hook.version("1.0")

-- How long a connection may last, in seconds. Clients connect again by themselves,
-- so that a key that is no longer in the file is out within that time.
local SESSION = config.session or 3600

local FIELDS = {
  sha256 = true, user = true, account = true, plan = true, publish = true, subscribe = true, expires = true,
}

-- check reads an entry of the file, or fails. It is done when the script is loaded:
-- a slip in one key must not be found by the client that uses it.
local function check(id, entry)
  assert(id:find("^[%w_-]+$"), "keys: an ID has letters, digits, _ and - only: " .. id)
  assert(type(entry) == "table", "keys." .. id .. " is no object")
  local function want(ok, what) assert(ok, "keys." .. id .. ": " .. what) end
  for field in pairs(entry) do
    want(FIELDS[field], "there is no field " .. field)
  end
  want(type(entry.sha256) == "string" and #entry.sha256 == 64 and entry.sha256:find("^[0-9a-f]+$"), "sha256 must be 64 digits, in lower case")
  want(type(entry.user) == "string" and subject.valid(entry.user), "user is missing, or has a space in it")
  want(type(entry.account) == "string", "account is missing")
  want(entry.plan == nil or type(entry.plan) == "string", "plan is no text")
  local function patterns(name)
    local list = entry[name] or {} -- what is not written down is not allowed
    want(type(list) == "table" and (#list > 0 or next(list) == nil), name .. " must be a list of subjects")
    for _, pattern in ipairs(list) do
      want(type(pattern) == "string" and subject.valid_pattern(pattern), "no valid subject: " .. tostring(pattern))
    end
    return { allow = list } -- an empty list allows nothing
  end
  local expires = math.huge
  if entry.expires then
    expires = type(entry.expires) == "string" and time.parse(entry.expires)
    want(expires, "expires must be a time such as 2030-01-31T00:00:00Z")
  end
  return {
    sha256 = entry.sha256,
    user = entry.user,
    account = entry.account,
    tags = { key = id, plan = entry.plan },
    expires = expires,
    permissions = { publish = patterns("publish"), subscribe = patterns("subscribe") },
  }
end

assert(type(config.keys) == "table", 'config.keys is missing: keys: "file:keys.json"')
local keys = {}
for id, entry in pairs(config.keys) do
  keys[id] = check(id, entry)
end

-- What stands in for the hash of a key that there is not.
local NOTHING = crypto.sha256("")

hook.connect(function(req)
  local id, secret = (req.token or ""):match("^([%w_-]+)%.([%w_-]+)$")
  if not id then return deny("there is no API key") end

  -- An unknown ID takes as long as a wrong secret, and the comparison as long for
  -- each wrong secret: nobody finds out either by measuring. A plain hash will do,
  -- as secrets are long and random; for passwords it takes crypto.bcrypt.
  local key = keys[id]
  local same = crypto.equal(crypto.sha256(secret), key and key.sha256 or NOTHING)
  if not key or not same then return deny("the API key is wrong") end

  local now = time.now()
  if key.expires <= now then return deny("the API key has expired") end

  return allow{
    user = key.user,
    account = key.account,
    permissions = key.permissions,
    tags = key.tags,
    expires = math.min(key.expires, now + SESSION),
  }
end)
