-- limit: none
-- a comparator that contradicts itself ends all the same
local t = {}
for i = 1, 500 do t[i] = i end
local n = 0
table.sort(t, function(a, b) n = n + 1 return n % 3 == 0 end)
