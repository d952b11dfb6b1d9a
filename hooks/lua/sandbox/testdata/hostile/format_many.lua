-- limit: memory
-- many directives
local f = ("%99d"):rep(7000)
local t = {}
for i = 1, 7000 do t[i] = i end
while true do string.format(f, unpack(t)) end
