-- limit: runtime
-- flags without end
return string.format("%" .. ("-"):rep(100000) .. "d", 1)
