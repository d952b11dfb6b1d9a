-- limit: memory
-- the separator is what is long
local t, s = {}, ("x"):rep(100000)
for i = 1, 1000 do t[i] = "" end
return table.concat(t, s)
