-- limit: runtime
-- __concat that concatenates itself
local mt = {}
local t = setmetatable({}, mt)
mt.__concat = function(a, b) return a .. b end
return t .. t
