-- limit: memory
-- a long string, again and again
local s = ("x"):rep(1000000)
while true do string.format("%s", s) end
