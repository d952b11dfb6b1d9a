-- limit: runtime
-- an index out of range
return select(-1e300, 1, 2)
