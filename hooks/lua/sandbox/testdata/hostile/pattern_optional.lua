-- limit: instructions
-- exponential backtracking by options
return string.find(("a"):rep(30), ("a?"):rep(60) .. ("a"):rep(31))
