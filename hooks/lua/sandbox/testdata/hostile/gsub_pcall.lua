-- limit: memory
-- a replacement function of Go
local s = ("x"):rep(100000)
while true do s:gsub("x", pcall) end
