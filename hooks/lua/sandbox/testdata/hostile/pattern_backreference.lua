-- limit: instructions
-- a long back-reference at each place
return string.find(("a"):rep(100000), "(a*)%1b")
