-- limit: runtime
-- from far below
return unpack({}, -1e15, 1e15)
