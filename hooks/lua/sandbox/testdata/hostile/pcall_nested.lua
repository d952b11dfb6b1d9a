-- limit: instructions
-- pcalls within pcalls, each to go on when the inner one dies
local function f() pcall(f) while true do end end
f()
