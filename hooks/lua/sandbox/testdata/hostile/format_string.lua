-- limit: memory
-- a long string, quoted
local s = ("\1"):rep(2000000)
return string.format("%q", s)
