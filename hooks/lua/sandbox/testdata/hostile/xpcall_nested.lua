-- limit: memory
-- handlers that fail
local function f() xpcall(f, f) error("x") end
f()
