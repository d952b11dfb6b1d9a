-- limit: memory
-- doubling in a loop
local s = "x"
while true do s = s .. s end
