-- limit: memory
-- an error message of megabytes
local s = ("x"):rep(3000000)
pcall(error, s)
pcall(error, s)
