-- limit: memory
-- a match at each place, of nothing
return (("x"):rep(1000000)):gsub("", ("y"):rep(100))
