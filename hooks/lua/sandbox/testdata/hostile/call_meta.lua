-- limit: runtime
-- __call that calls itself
local t = setmetatable({}, {})
getmetatable(t).__call = function(self) return 1 + self() end
t()
