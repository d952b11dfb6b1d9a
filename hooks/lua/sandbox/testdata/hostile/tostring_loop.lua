-- limit: instructions
-- __tostring that never returns
local t = setmetatable({}, { __tostring = function() while true do end end })
return tostring(t)
