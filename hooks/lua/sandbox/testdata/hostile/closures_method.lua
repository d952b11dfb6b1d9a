-- limit: memory
-- methods without end
local t = {}
while true do function t.f() return t end function t:g() return self end end
