-- limit: instructions
-- a handler that swallows the budget
while true do xpcall(function() while true do end end, function() return 1 end) end
