-- Whoever connects shows a JSON Web Token. Its claims say of which tenant the
-- client is, and what it does there.
--
-- All is decided here, once for each connection. The server enforces the
-- permissions on its own, so no message ever waits for this script.

local jwt = require "jwt"
local subject = require "subject"

hook.version("1.0")

-- An error at the top level keeps a script out, and the broker says why. That is
-- better than a policy that starts without its settings.
assert(config.jwks, "config.jwks is missing: the public keys of the issuer")
assert(config.issuer and config.audience, "config.issuer or config.audience is missing")
assert(config.tenants, "config.tenants is missing: an account for each tenant")

-- Without an issuer and an audience, a token that the same issuer made for
-- another service would open this one, too.
local trusted = {
  keys = config.jwks,
  issuer = config.issuer,
  audience = config.audience,
  algorithms = { "EdDSA", "ES256", "RS256" },
}

-- What the roles may do. The subjects name no tenant: each has an account of its
-- own, and sees nothing of the others.
local roles = {
  reader = { publish = {}, subscribe = { "orders.>" } },
  writer = { publish = { "orders.>" }, subscribe = {} },
  -- A service answers requests, and so it may publish to the reply subjects of
  -- what it has received; to nothing else.
  service = { publish = {}, subscribe = { "orders.>" }, allow_responses = true },
}

-- permissions returns what a role may do, and the inbox that is the user's own.
local function permissions(role, inbox)
  local subscribe = { inbox .. ".>" }
  for _, pattern in ipairs(role.subscribe) do
    table.insert(subscribe, pattern)
  end
  return {
    publish = { allow = role.publish }, -- an empty list allows nothing
    subscribe = { allow = subscribe },
    allow_responses = role.allow_responses,
  }
end

hook.connect(function(req)
  -- The reasons are for the log. Clients learn that they may not connect, not why.
  local claims, err = jwt.verify(req.token, trusted)
  if not claims then return deny(err) end

  -- The claims are genuine, and yet they are texts from outside: what has no entry
  -- in our own tables is refused. A tenant cannot name any account it likes.
  local account = config.tenants[claims.tenant]
  if not account then return deny("the tenant is not known") end
  local role = roles[claims.role]
  if not role then return deny("the role is not known") end

  -- join refuses what is more than one token: a user named ">" would get all inboxes.
  local user = claims.sub
  local inbox = type(user) == "string" and subject.join("_INBOX", user)
  if not inbox then return deny("the subject of the token cannot be part of a NATS subject") end

  return allow{
    user = user,
    account = account,
    permissions = permissions(role, inbox),
    tags = { role = claims.role }, -- for hooks that come later
    expires = claims.exp,          -- the connection ends with the token
  }
end)
