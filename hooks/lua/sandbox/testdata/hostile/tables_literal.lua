-- limit: memory
-- tables with keys
while true do local t = { a = 1, b = 2, c = { d = 3 } } end
