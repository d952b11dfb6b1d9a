-- limit: runtime
-- the library is read-only to rawset
rawset(string, "find", nil)
