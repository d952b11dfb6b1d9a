-- Devices of the first generation publish to dev.ID.METRIC, with metrics of their
-- own. Nobody will update them. Here their messages get the subjects that all
-- others use: telemetry.ID.METRIC.
--
-- Permissions are asked for the new subject, so a device needs none for the old one.

local subject = require "subject"

hook.version("1.0")

assert(type(config.metrics) == "table", "config.metrics is missing: a new name for each metric of the devices")
for old, new in pairs(config.metrics) do
  assert(type(new) == "string" and subject.join(new), "config.metrics." .. old .. " must be one token of a subject")
end

hook.rewrite("dev.>", function(req)
  local token = subject.split(req.subject)
  local metric = #token == 3 and config.metrics[token[3]]

  -- What the devices never sent is refused, also an ID that is no token, such as a
  -- wildcard. Let through, it would be a message in a place where nobody looks for it.
  local new = metric and subject.join("telemetry", token[2], metric)
  return new or deny("no subject of a device")
end, {
  -- The answer depends on the subject alone: from now on the broker knows it by
  -- itself, and the script is asked once for each device and metric in five minutes.
  cache = { by = "subject", ttl = 300, negative_ttl = 60 },
})
