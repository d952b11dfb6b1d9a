-- limit: runtime
-- a table whose __index is deep
local t = setmetatable({}, {})
getmetatable(t).__index = function(_, k) return (k:gsub(".", t)) end
return ("x"):gsub(".", t)
