-- limit: memory
-- input: a 900000
-- a payload that is mapped, again and again
hook(function(s) for i = 1, 100 do s = s:upper():lower():reverse() end return s end)
