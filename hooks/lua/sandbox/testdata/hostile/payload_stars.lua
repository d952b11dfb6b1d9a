-- limit: instructions
-- input: stars 30
-- a payload that is used as a pattern, well formed
hook(function(s) return ("a"):rep(60):match(s .. "b") end)
