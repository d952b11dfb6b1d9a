-- limit: instructions
-- long equal strings
local t, s = {}, ("x"):rep(10000)
for i = 1, 200 do t[i] = s .. i end
while true do table.sort(t) end
