-- limit: memory
-- tables in an assignment of many
local a = {}
while true do a.x, a.y, a[1] = {}, {}, { a } end
