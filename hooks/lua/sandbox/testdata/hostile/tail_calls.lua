-- limit: instructions
-- a tail call needs no stack
local function f() return f() end
f()
