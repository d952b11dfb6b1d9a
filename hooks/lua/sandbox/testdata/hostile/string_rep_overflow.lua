-- limit: memory
-- a size that overflows
return ("xxxxxxxx"):rep(2 ^ 62)
