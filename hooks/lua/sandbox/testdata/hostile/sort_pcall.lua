-- limit: memory
-- a comparator of Go
local t = {}
for i = 1, 50000 do t[i] = i % 97 end
while true do table.sort(t, pcall) end
