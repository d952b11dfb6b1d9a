-- limit: instructions
-- exponential backtracking, lazily
return string.find(("a"):rep(60), ("a-"):rep(20) .. "b")
