-- limit: runtime
-- a table that grows while it is walked
local t = { a = 1 }
local n = 0
for k in pairs(t) do n = n + 1 t["k" .. n] = n if n > 100 then error("grows") end end
