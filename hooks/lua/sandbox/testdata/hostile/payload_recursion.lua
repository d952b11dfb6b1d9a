-- limit: runtime
-- input: deep 100000
-- a payload that says how deep
local function parse(s, i)
  if s:sub(i, i) == "[" then return parse(s, i + 1) + 1 end
  return 0
end
hook(function(s) return parse(s, 1) end)
