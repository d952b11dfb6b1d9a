-- A part of the users gets the new version of a service: their requests go to the
-- subject with .canary behind it. Which users, a hash of their name says, so they
-- stay the same ones, on every connection and after every restart. With a greater
-- percentage others join them, and nobody leaves.

local crypto = require "crypto"

hook.version("1.0")

local PERCENT = config.percent
assert(type(PERCENT) == "number" and PERCENT >= 0 and PERCENT <= 100, "config.percent must be a number from 0 to 100")
assert(config.subjects, "config.subjects is missing: those of the service")
local BY = config.by or "user"
assert(BY == "user" or BY == "subject", 'config.by must be "user" or "subject"')
local SUFFIX = ".canary"

-- chosen tells whether a name is among the percentage. The name of the release is
-- hashed, too: otherwise the same users would be the first with every release.
local RELEASE = config.release or ""
local function chosen(name)
  local hash = tonumber(crypto.sha256(RELEASE .. "\0" .. name):sub(1, 8), 16)
  return hash % 10000 < PERCENT * 100
end

hook.rewrite(config.subjects, function(req)
  -- Who asks for the new version gets it, and not the one of .canary.canary.
  if req.subject:sub(-#SUFFIX) == SUFFIX then return nil end

  -- Nobody knows whether somebody without a name comes again: they stay on the old one.
  local name = BY == "user" and req.client.user or req.subject
  if name == "" or not chosen(name) then return nil end
  return req.subject .. SUFFIX
end, { cache = { by = { "user", "subject" }, ttl = 300 } })
