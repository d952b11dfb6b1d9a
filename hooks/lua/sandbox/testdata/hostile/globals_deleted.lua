-- limit: runtime
-- the library is read-only
string.find = nil
