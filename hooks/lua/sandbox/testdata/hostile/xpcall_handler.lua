-- limit: instructions
-- a handler that never returns
xpcall(function() error("x") end, function() while true do end end)
