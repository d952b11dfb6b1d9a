-- limit: runtime
-- each tail call is a line of the traceback
local function f(n) if n == 0 then error("x") end return f(n - 1) end
f(100000)
