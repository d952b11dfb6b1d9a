-- limit: instructions
-- the plainest loop
while true do end
