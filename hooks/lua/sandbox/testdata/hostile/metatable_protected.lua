-- limit: runtime
-- the metatable of strings
setmetatable(getmetatable("") or {}, {})
getmetatable("").__index = nil
