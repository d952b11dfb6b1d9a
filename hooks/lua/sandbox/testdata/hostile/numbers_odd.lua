-- limit: none
-- numbers that are none
local t = {}
for _, n in ipairs({ 0 / 0, 1 / 0, -1 / 0, 2 ^ 63, -2 ^ 63, 1e300 }) do
  for _, f in ipairs({ string.rep, string.sub, string.byte, string.char, unpack, table.concat, table.remove, table.insert, select, math.random, math.ldexp, string.find }) do
    pcall(f, n) pcall(f, "", n) pcall(f, {}, n) pcall(f, {}, "", n, n) pcall(f, "a", "a", n)
  end
end
assert(not pcall(function() t[0 / 0] = 1 end))
assert(not pcall(function() t[nil] = 1 end))
