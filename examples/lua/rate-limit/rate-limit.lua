-- Each user may publish so many messages a second, all connections of theirs taken
-- together. How many, depends on the plan that an earlier hook has said they have,
-- or else on their account.

local ratelimit = require "ratelimit"

hook.version("1.0")

-- bucket reads a limit: rate is what comes back in a second, burst what may be sent
-- at once by somebody who was silent for a while.
local function bucket(limit, where)
  assert(type(limit) == "table" and type(limit.rate) == "number" and limit.rate > 0, where .. ".rate must be a number above 0")
  local burst = limit.burst or math.max(limit.rate, 1)
  assert(type(burst) == "number" and burst >= 1, where .. ".burst must be at least 1")
  return { rate = limit.rate, burst = burst }
end

local function buckets(limits, where)
  local all = {}
  for name, limit in pairs(limits or {}) do
    all[name] = bucket(limit, where .. "." .. name)
  end
  return all
end

local plans = buckets(config.plans, "config.plans")
local accounts = buckets(config.accounts, "config.accounts")
local default = bucket(config.default, "config.default")

hook.publish(config.subjects or ">", function(req)
  local c = req.client
  local limit = plans[c.tags.plan] or accounts[c.account] or default

  -- Who has no name is known by the address. The word in the middle keeps a user named
  -- "10.0.0.1" from spending the tokens of that address.
  local who = c.user ~= "" and "user\0" .. c.user or "host\0" .. c.host
  if not ratelimit.allow(c.account .. "\0" .. who, limit) then return deny("too many messages") end
end)
