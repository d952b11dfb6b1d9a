-- limit: runtime
-- __le that compares itself
local mt = {}
mt.__le = function(a, b) return a <= b end
return setmetatable({}, mt) <= setmetatable({}, mt)
