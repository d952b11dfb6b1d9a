-- limit: memory
-- iterators without end
local t = {}
while true do t[1] = ("x"):gmatch("x") end
