-- limit: runtime
-- the front of the globals is closed
rawset(_G, "x", 1)
