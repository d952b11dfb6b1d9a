-- limit: memory
-- keys by rawset
local t = {}
for i = 1, 1e9 do rawset(t, -i, true) end
