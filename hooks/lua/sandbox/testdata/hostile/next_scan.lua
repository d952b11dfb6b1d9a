-- limit: instructions
-- walking past keys that are gone, again and again
local t = {}
for i = 1, 15000 do t[-i] = i end
for i = 1, 15000 do t[-i] = nil end
while true do next(t) end
