-- limit: memory
-- many results, again and again
local t = {}
for i = 1, 7000 do t[i] = i end
while true do select("#", unpack(t)) end
