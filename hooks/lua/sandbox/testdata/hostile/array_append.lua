-- limit: instructions
-- a list without end, of lists
local all, t = {}, {}
while true do
  if #t >= 60000 then all[#all + 1] = t t = {} end
  t[#t + 1] = 1
end
