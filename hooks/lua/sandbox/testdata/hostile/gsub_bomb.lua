-- limit: memory
-- a replacement of kilobytes for each byte
return (("x"):rep(100000)):gsub("x", ("y"):rep(10000))
