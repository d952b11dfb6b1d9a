-- limit: none
-- select knows a number and #
assert(select("#") == 0)
assert(select("#", nil, nil) == 2)
assert(not pcall(select, "x"))
