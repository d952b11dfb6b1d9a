-- limit: memory
-- a list of lists without end
local t = {}
while true do t = { t } end
