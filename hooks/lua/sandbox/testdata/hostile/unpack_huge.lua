-- limit: runtime
-- ten million results
return unpack({}, 1, 1e7)
