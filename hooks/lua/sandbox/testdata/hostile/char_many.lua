-- limit: runtime
-- a byte out of range
return string.char(1, 2, 256)
