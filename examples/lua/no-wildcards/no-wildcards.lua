-- Nobody listens to whole trees of subjects, but for those who must: some accounts
-- (monitoring), some roles, and some patterns that are meant for all. And an inbox
-- is for its owner: _INBOX.alice.> is alice's, whether with wildcards or without.

local subject = require "subject"

hook.version("1.0")

-- set makes a table of a list, to look things up in.
local function set(list)
  local t = {}
  for _, v in ipairs(list or {}) do t[v] = true end
  return t
end

local accounts, roles = set(config.accounts), set(config.roles)
local open = config.patterns or {}
for _, pattern in ipairs(open) do
  assert(subject.valid_pattern(pattern), "config.patterns: no valid subject: " .. pattern)
end

hook.subscribe(">", function(req)
  local c, wanted = req.client, req.subject
  if accounts[c.account] or roles[c.tags.role] then return nil end

  if subject.covers("_INBOX.>", wanted) then
    -- join refuses a name that is more than one token, or a wildcard.
    local own = subject.join("_INBOX", c.user)
    if own and subject.covers(own .. ".>", wanted) then return nil end
    return deny("not an inbox of this user")
  end

  -- A subject that one could publish to has no wildcards.
  if subject.valid(wanted) then return nil end
  for _, pattern in ipairs(open) do
    if subject.covers(pattern, wanted) then return nil end
  end
  return deny("wildcards are not for this user")
end, {
  cache = { by = { "user", "account", "tags.role", "subject" }, ttl = 300, negative_ttl = 60 },
})
