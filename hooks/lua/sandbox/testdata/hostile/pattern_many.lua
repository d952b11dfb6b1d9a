-- limit: memory
-- a new pattern each time
for i = 1, 1e9 do string.find("x", "a" .. i .. ("[a-z]"):rep(100)) end
