-- limit: memory
-- a table that is given its keys one by one
while true do
  local t = {}
  t.a = 1 t.b = 2 t.c = 3 t.d = 4
end
