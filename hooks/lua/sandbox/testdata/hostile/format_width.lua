-- limit: runtime
-- a width of eight digits
return string.format("%99999999s", "x")
