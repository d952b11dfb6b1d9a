-- limit: runtime
-- text as a number
local s = ("1"):rep(2000000)
local n = s + 1
return n
