-- limit: memory
-- errors that are caught, in a loop
while true do pcall(error, "x") end
