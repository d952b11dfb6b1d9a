-- limit: memory
-- table.insert at the end of arrays
while true do table.insert({}, 65535, 1) end
