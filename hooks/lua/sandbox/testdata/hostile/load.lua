-- limit: runtime
-- source at run time
loadstring("return 1")()
