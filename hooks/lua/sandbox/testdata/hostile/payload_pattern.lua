-- limit: runtime
-- input: paren 1000
-- a payload that is used as a pattern
hook(function(s) return ("x"):match(s) end)
