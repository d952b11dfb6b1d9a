-- limit: memory
-- one call, 8 GiB
return ("x"):rep(8 * 1024 * 1024 * 1024)
