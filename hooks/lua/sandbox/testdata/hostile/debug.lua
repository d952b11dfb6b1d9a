-- limit: runtime
-- the inside of things
debug.getinfo(1)
