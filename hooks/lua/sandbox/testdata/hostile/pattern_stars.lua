-- limit: instructions
-- exponential backtracking
return string.find(("a"):rep(40), ("a*"):rep(20) .. "b")
