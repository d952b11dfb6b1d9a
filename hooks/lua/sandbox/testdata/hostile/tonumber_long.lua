-- limit: instructions
-- long text to number
local s = ("1"):rep(4000000)
while true do tonumber(s) end
