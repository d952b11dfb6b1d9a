-- limit: runtime
-- a module that is not there
require("../../etc/passwd")
