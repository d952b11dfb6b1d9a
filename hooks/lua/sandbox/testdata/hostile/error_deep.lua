-- limit: memory
-- an error at the bottom of a deep stack, caught, in a loop
local function f(n) if n == 0 then while true do pcall(error, {}) end end return 1 + f(n - 1) end
f(150)
