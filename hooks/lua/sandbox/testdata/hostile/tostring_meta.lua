-- limit: runtime
-- __tostring that asks for itself
local t = setmetatable({}, { __tostring = function(t) return tostring(t) end })
return tostring(t)
