-- limit: runtime
-- a precision of eight digits
return string.format("%.99999999f", 1)
