-- limit: deadline
-- a key of megabytes
local t, s = {}, ("x"):rep(3000000)
t[s] = 1
while true do local c = t[s] end
