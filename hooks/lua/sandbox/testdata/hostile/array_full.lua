-- limit: runtime
-- one element more than an array holds
local t = {}
for i = 1, 65536 do t[i] = true end
