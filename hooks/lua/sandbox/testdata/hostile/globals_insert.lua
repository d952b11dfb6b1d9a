-- limit: runtime
-- the library is read-only to table.insert
table.insert(string, 1, "x")
