-- limit: memory
-- a key of megabytes in a message of the interpreter
local s = ("x"):rep(2000000)
while true do pcall(function() return (nil)[s] end) end
