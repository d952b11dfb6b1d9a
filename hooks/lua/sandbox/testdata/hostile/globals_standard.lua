-- limit: runtime
-- the names of the library are taken
tostring = nil
