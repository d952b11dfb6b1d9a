-- limit: deadline
-- comparing megabytes, instruction by instruction
local a, b = ("x"):rep(1900000) .. "a", ("x"):rep(1900000) .. "b"
while true do local c = a < b end
