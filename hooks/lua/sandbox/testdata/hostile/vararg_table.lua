-- limit: memory
-- the rest of the arguments, as a table, in a loop
local t = {}
for i = 1, 2000 do t[i] = i end
local function f(...) return { ... } end
while true do f(unpack(t)) end
