-- limit: runtime
-- what cannot be compared
table.sort({ 1, "x", {}, true })
