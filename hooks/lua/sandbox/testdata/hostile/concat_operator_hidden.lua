-- limit: memory
-- concatenation in every place that takes an expression
local s = "xxxxxxxx"
while s .. s do
  if s .. s == "" then return s .. s end
  local t = { s .. s, [s .. s] = s .. s }
  s = ({ [1] = s .. s })[1] .. (function(...) return ... end)(s .. s)
end
