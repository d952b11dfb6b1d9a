-- limit: memory
-- local functions without end
while true do
  local a, b, c
  local function f() return a, b, c, f end
end
