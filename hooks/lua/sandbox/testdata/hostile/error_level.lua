-- limit: none
-- a level that is no level
pcall(error, "x", 1e300)
pcall(error, "x", -1e300)
pcall(error, "x", 0/0)
