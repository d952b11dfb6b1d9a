-- limit: instructions
-- a loop that tests last
repeat until false
