-- limit: memory
-- numbers to text without end
while true do tostring(0.1) end
