-- limit: memory
-- closures without end
local keep = {}
while true do keep[1] = function() return keep end end
