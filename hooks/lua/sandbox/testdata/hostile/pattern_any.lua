-- limit: instructions
-- dots in series
return string.match(("a"):rep(3000), ".*.*.*.*x")
