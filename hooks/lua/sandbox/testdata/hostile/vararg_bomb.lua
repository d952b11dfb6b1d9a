-- limit: memory
-- a list that doubles on the stack
local function f(...) return ..., ... end
local function g(n, ...) local t = { ... } return g(n + 1, unpack(t)) end
g(1, unpack({ 1, 2, 3, 4, 5, 6, 7, 8 }, 1, 8), f(1, 2, 3))
