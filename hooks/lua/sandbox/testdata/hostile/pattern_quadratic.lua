-- limit: instructions
-- unanchored over a long subject
return string.find(("a"):rep(1000000), "a*b")
