-- limit: instructions
-- numbers need memory, too, and are bounded by instructions
local x = 0.5
while true do x = x + 0.25 end
