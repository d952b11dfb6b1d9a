-- limit: instructions
-- input: a 900000
-- quadratic over a payload
hook(function(s) return s:match("(.*)b") end)
