-- limit: instructions
-- a count that is never reached
for i = 1, 1e300 do end
