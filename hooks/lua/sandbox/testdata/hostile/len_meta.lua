-- limit: runtime
-- __len that measures itself
local t = setmetatable({}, { __len = function(t) return #t end })
return #t
