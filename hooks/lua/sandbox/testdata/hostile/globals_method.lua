-- limit: runtime
-- the library is read-only to methods
function string.find() end
