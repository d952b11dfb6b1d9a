-- limit: runtime
-- a pattern that is too long
return string.find("x", ("a"):rep(100000))
