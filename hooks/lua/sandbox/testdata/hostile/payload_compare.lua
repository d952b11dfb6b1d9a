-- limit: deadline
-- input: a 900000
-- a payload compared with itself
local last
hook(function(s) local o = s:sub(1, -2) .. "b" while true do local c = s < o end end)
