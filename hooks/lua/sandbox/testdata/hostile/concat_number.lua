-- limit: memory
-- numbers made into text
local t = {}
for i = 1, 1e9 do t[i % 1000] = i .. i .. i .. i end
