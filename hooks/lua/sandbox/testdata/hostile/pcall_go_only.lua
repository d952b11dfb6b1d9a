-- limit: instructions
-- a chain of pcalls that never runs an instruction of its own
while true do pcall(pcall, pcall, pcall, pcall, pcall, type, 1) end
