-- limit: runtime
-- byte code
string.dump(function() end)
