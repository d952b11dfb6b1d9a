-- limit: runtime
-- a result for each byte
local s = ("x"):rep(100000)
return s:byte(1, -1)
