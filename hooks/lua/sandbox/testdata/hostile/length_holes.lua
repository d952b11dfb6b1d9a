-- limit: deadline
-- the length of an array of nothing
local t = {}
t[60000] = 1
t[60000] = nil
while true do local n = #t end
