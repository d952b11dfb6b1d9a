-- limit: runtime
-- __newindex that assigns itself
local t = setmetatable({}, { __newindex = function(t, k, v) t[k] = v end })
t.x = 1
