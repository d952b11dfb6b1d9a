-- limit: instructions
-- input: comma 900000
-- a payload of nothing but separators, split
hook(function(s) local n = 0 for w in s:gmatch("([^,]*),") do n = n + #w + #s:sub(1, 1) end return n end)
