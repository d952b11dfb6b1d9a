-- limit: memory
-- a replacement of references
return (("x"):rep(10000)):gsub(".*", ("%0"):rep(1000))
