-- limit: memory
-- keys that are removed stay in the table
local t = {}
for i = 1, 1e9 do t[-i] = true t[-i] = nil end
