-- limit: runtime
-- __add that adds itself
local t = setmetatable({}, { __add = function(a, b) return a + b end })
return t + t
