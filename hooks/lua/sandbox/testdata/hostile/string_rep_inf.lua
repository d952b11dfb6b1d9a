-- limit: memory
-- a count without end
return ("x"):rep(1 / 0)
