-- limit: runtime
-- __unm that negates itself
local t = setmetatable({}, { __unm = function(t) return -t end })
return -t
