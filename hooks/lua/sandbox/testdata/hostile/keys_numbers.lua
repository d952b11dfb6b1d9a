-- limit: memory
-- a key for each number
local t = {}
for i = 1, 1e9 do t[-i] = true end
