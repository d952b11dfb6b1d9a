-- limit: memory
-- one element at the end of many arrays
local all = {}
for i = 1, 1e9 do
  local t = {}
  t[65535] = 1
  all[i] = t
end
