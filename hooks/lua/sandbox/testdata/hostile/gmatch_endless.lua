-- limit: instructions
-- an iterator that is called after its end
local f = ("x"):gmatch("x")
while true do f() end
