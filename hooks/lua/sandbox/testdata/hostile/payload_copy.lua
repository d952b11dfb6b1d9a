-- limit: memory
-- input: a 900000
-- a payload that is copied
hook(function(s) local t = {} for i = 1, 100 do t[i] = s .. i end return t end)
