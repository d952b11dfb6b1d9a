-- limit: instructions
-- %b that never closes
return string.find(("("):rep(200000), "%b()")
