-- limit: none
-- input: a 900000
-- linear over a payload of 900 kB: the limit leaves room for it
hook(function(s) return s:match("^(.*)b") end)
