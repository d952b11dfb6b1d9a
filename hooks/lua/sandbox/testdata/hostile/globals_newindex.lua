-- limit: runtime
-- the library is read-only behind __newindex
local t = setmetatable({}, { __newindex = string })
t.find = nil
