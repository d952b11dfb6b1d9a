-- limit: panic
-- arguments that double
local function f(...) return f(1, ..., ...) end
local function g(...) return g(select("#", ...), ...) end
g(1)
