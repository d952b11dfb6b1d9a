-- limit: runtime
-- a replacement that replaces
local function f(c) return (c:gsub(".", f)) end
return ("x"):gsub(".", f)
