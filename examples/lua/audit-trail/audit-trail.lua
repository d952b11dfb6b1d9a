-- A line in the log for all that matters: who came and went, who was not let in, who
-- listens to what, and each message on subjects that are worth it. The lines say who,
-- when and where. They hold no payload, no header and nothing that a client shows to
-- be let in: a trail that must be kept secret itself is read by nobody.

hook.version("1.0")

assert(config.subjects, "config.subjects is missing: those whose messages are noted")

-- line writes one line. Its message is the same for all, so that one filter finds
-- them.
local function line(event, client, more)
  local fields = { event = event }
  for name, value in pairs(more) do fields[name] = value end
  if client then
    fields.cid = client.id
    for _, name in ipairs{ "user", "account", "host", "name" } do
      if client[name] ~= "" then fields[name] = client[name] end
    end
  end
  log.info("audit", fields)
end

-- Events are told when they have happened, and nobody waits for them.
hook.event({ "connect", "disconnect", "auth_error", "slow_consumer", "reload" }, function(ev)
  line(ev.type, ev.client, { reason = ev.reason })
end)

-- Inboxes are many, and say nothing.
hook.event({ "subscribe", "unsubscribe" }, function(ev)
  if ev.subject:find("^_INBOX%.") then return end
  line(ev.type, ev.client, { subject = ev.subject, queue = ev.queue })
end)

-- The last hook of inspect sees what permissions and all other hooks have let
-- through. If it fails, the message does not pass (on_error: deny is the default), so
-- that there is none without a line. It does not look at msg.payload, which
-- therefore costs nothing, however large it is.
hook.inspect(config.subjects, function(msg)
  local more = { subject = msg.subject, reply = msg.reply, size = msg.size }
  if msg.original_subject ~= msg.subject then more.original_subject = msg.original_subject end
  line("publish", msg.client, more)
end)
