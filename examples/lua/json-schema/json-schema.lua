-- Messages must be JSON that fits a schema, one for each pattern of subjects. The
-- schemas stand in schemas.json, in a small part of JSON Schema: type, required,
-- properties, additional, items, enum, pattern, min and max.

local schema = require "schema"

hook.version("1.0")

assert(type(config.schemas) == "table" and #config.schemas > 0, 'config.schemas is missing: schemas: "file:schemas.json"')
assert(config.answer == "deny" or config.answer == "drop", 'config.answer must be "deny", which the client is told of, or "drop"')
local refuse = config.answer == "deny" and deny or drop

-- A list, and no table by subject: a script must register the same functions in
-- the same order each time it is loaded.
for i, entry in ipairs(config.schemas) do
  local check = schema.compile(entry.schema, "schemas[" .. i .. "]")
  hook.inspect(entry.subject, function(msg)
    local problem = check(msg.payload)
    -- The problem names the place and what belongs there, never what was there:
    -- contents of messages have no place in a log.
    if problem then return refuse(problem) end
  end, { max_payload = config.max_payload or 65536 })
end
