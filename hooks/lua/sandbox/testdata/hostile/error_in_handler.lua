-- limit: none
-- a handler that fails is an answer, not a loop
return xpcall(function() error("x") end, function() error("y") end)
