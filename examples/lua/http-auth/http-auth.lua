-- Names and passwords are known to a service of one's own, which is asked over
-- HTTP. Its answers are kept for a while: when a thousand clients connect again
-- after a restart, the service does not hear of them a thousand times.

local crypto = require "crypto"
local http = require "http"
local json = require "json"
local kv = require "kv"

hook.version("1.0")

assert(config.url, 'config.url is missing, such as "http://127.0.0.1:9090/auth"')

-- A yes is kept for longer than a no: somebody who mistyped a password, or was
-- given an account this minute, tries again soon. Both bound how long a change at
-- the service goes unnoticed.
local YES, NO = config.keep_yes or 60, config.keep_no or 5

-- The service must answer well within the second that a hook has at connect.
local TIMEOUT = config.timeout or 0.5

local DENIED = "denied" -- what kv holds for a no; a yes is JSON

-- decode reads a yes. Who the user is, is for the service to say, so an answer that
-- does not say all of it is none.
local function decode(body)
  local yes = json.decode(body)
  if type(yes) ~= "table" or type(yes.user) ~= "string" or type(yes.account) ~= "string" then return nil end
  local function list(v) return type(v) == "table" and v or {} end
  return allow{
    user = yes.user,
    account = yes.account,
    permissions = {
      publish = { allow = list(yes.publish) },
      subscribe = { allow = list(yes.subscribe) },
    },
    ttl = config.session or 3600, -- then the client has to come again
  }
end

hook.connect(function(req)
  if not req.user or not req.password then return deny("there is no name or no password") end

  -- The text that is sent, and that the answer is kept by. JSON keeps both parts
  -- apart, whatever is in them; a text that is not UTF-8 has no JSON.
  local question = json.encode{ user = req.user, password = req.password, host = req.host }
  if not question then return deny("the name or the password is not UTF-8") end
  local key = crypto.sha256(question) -- so that kv holds no password

  local kept = kv.get(key)
  if kept == DENIED then return deny("the service said no, a moment ago") end
  if kept then return decode(kept) end

  local res, err = http.post(config.url, question, {
    headers = { ["Content-Type"] = "application/json" },
    timeout = TIMEOUT,
    max_body = 16384,
  })

  -- No answer is not a no, and so it is not kept. But nor is it a yes.
  if not res then
    log.error("the authentication service does not answer", { error = err })
    return deny("the service does not answer")
  end
  if res.status == 401 or res.status == 403 then
    kv.set(key, DENIED, { ttl = NO })
    return deny("the service said no")
  end
  local answer = res.status == 200 and decode(res.body)
  if not answer then
    log.error("the authentication service gave no proper answer", { status = res.status })
    return deny("the service gave no proper answer")
  end
  kv.set(key, res.body, { ttl = YES })
  return answer
end)
