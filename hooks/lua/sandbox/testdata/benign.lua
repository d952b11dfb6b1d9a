local a, b, c = 1, 2
return a, b, c

local function fact(n) if n <= 1 then return 1 end return n * fact(n - 1) end
return fact(10)

local t = { 1, 2, 3, x = "y", ["a b"] = true, [10] = "ten"; 4 }
return #t, t.x, t["a b"], t[10], t[4]

local t = {}
t.a, t.b, t[1] = 1, 2, 3
t.a, t.b = t.b, t.a
return t.a, t.b, t[1]

local i, t = 1, {}
i, t[i] = i + 1, 20
return i, t[1], t[2]

local a, b = 1, 2
a, b = b, a
return a, b

local function f() return 1, 2, 3 end
local t = {}
t.x, t.y, t.z, t.w = f()
t.p, t.q = (f())
return t.x, t.y, t.z, t.w, t.p, t.q

local function f() return 1, 2, 3 end
local t = { f(), f() }
local u = { f(), (f()) }
return #t, #u, (f())

local function f(...) return select("#", ...), ... end
return f(1, nil, 3)

local function f(...) local a, b = ... return a, b, select(2, ...) end
return f("x", "y", "z")

local function f(...) local t = { ... } return #t, t[1], t[#t] end
return f(5, 6, 7)

local function g(...) return ... end
local s = "x" .. g("a", "b") .. (g("c", "d"))
return s, s .. 1, 1 .. 2, 1.5 .. "", -0.5 .. "|" .. 2 ^ 40

local s = ""
for i = 1, 10 do s = s .. i .. "," end
return s, #s

local s = "a" .. "b" .. "c" == "abc" and "yes" .. "!" or "no"
return s

local mt = { __concat = function(a, b) return (type(a) == "table" and a.n or a) .. "+" .. (type(b) == "table" and b.n or b) end }
local x, y = setmetatable({ n = "x" }, mt), setmetatable({ n = "y" }, mt)
return x .. y, x .. "s", "s" .. x, "a" .. "b" .. x .. "c" .. "d", 1 .. x

local Account = {}
Account.__index = Account
function Account.new(n) return setmetatable({ balance = n }, Account) end
function Account:deposit(n) self.balance = self.balance + n return self end
function Account:show() return "has " .. self.balance end
return Account.new(10):deposit(5):deposit(1):show()

local Base = {} Base.__index = Base
function Base:name() return "base" end
local Derived = setmetatable({}, { __index = Base }) Derived.__index = Derived
function Derived:title() return "derived " .. self:name() end
return setmetatable({}, Derived):title()

local a = { b = { c = {} } }
function a.b.c.f(x) return x * 2 end
function a.b.c:g(x) return self == a.b.c, x end
return a.b.c.f(4), a.b.c:g(5)

local log = {}
local t = setmetatable({}, { __newindex = function(t, k, v) rawset(t, k, v .. "!") log[#log + 1] = k end, __index = function(t, k) return "no " .. k end })
t.x = "a" t.x = "b" t.y = "c"
return t.x, t.y, t.z, table.concat(log, ",")

local store = {}
local t = setmetatable({}, { __newindex = store, __index = store })
t.x = 1
return rawget(t, "x"), t.x, store.x

local v = {}
v.__add = function(a, b) return a.n + b.n end
v.__eq = function(a, b) return a.n == b.n end
v.__lt = function(a, b) return a.n < b.n end
v.__le = function(a, b) return a.n <= b.n end
v.__unm = function(a) return -a.n end
v.__len = function(a) return a.n end
v.__call = function(self, x) return self.n * x end
v.__tostring = function(a) return "v" .. a.n end
local function new(n) return setmetatable({ n = n }, v) end
local a, b = new(1), new(2)
return a + b, a == b, a < b, a <= b, a > b, -a, #b, b(10), tostring(a), a == new(1)

local counter = (function() local n = 0 return function() n = n + 1 return n end end)()
counter() counter()
return counter()

local fs = {}
for i = 1, 3 do fs[i] = function() return i end end
return fs[1](), fs[2](), fs[3]()

local even, odd
function even(n) if n == 0 then return true end return odd(n - 1) end
function odd(n) if n == 0 then return false end return even(n - 1) end
return even(10), odd(7), even(7)

x1 = 5
function g1() return x1 + 1 end
x1 = x1 * 2
return g1(), x1, _G.x1, y1

local n = 0
for i = 10, 1, -3 do n = n + i end
for i = 1, 0 do n = -1 end
return n

local n = 0
while true do n = n + 1 if n > 5 then break end end
repeat local m = n n = n - 1 until m < 3
return n

local out = {}
for i = 1, 3 do
  for j = 1, 3 do
    if j == 2 then goto continue end
    out[#out + 1] = i .. j
    ::continue::
  end
end
return table.concat(out, " ")

local keys = {}
for k, v in pairs({ a = 1, b = 2, c = 3 }) do keys[#keys + 1] = k .. v end
table.sort(keys)
return table.concat(keys, ",")

local n = 0
for i, v in ipairs({ 1, 2, nil, 4 }) do n = n + v end
return n

local t = { 1, 2, 3 }
local k, v = next(t)
return k, v, next({}), next(t, 3), type(next)

local ok, err = pcall(error, { code = 7 })
return ok, type(err), err.code

local ok, err = pcall(function() local x = nil; return x.y end)
return ok, (err:gsub("^.-:%d+: ", ""))

local ok, err = pcall(function() error("plain", 0) end)
return ok, err

local ok, a, b = pcall(function(x, y) return y, x end, 1, 2)
return ok, a, b

return pcall(pcall, error, "x")

local ok, msg = xpcall(function() error("x", 0) end, function(m) return "handled " .. m end)
return ok, msg

return xpcall(function() return 1, 2 end, function() end)

return select("#"), select("#", nil, nil), select(2, "a", "b", "c"), select(-1, "a", "b")

return tonumber("10"), tonumber(" 5 "), tonumber("0x1F"), tonumber("ff", 16), tonumber("z", 36), tonumber("8", 8), tonumber("x"), tonumber("1.5"), tonumber(nil), tonumber("")

return tostring(1), tostring(1.5), tostring(nil), tostring(true), tostring("x"), tostring(1e15), tostring(2 ^ 53), tostring(-0.1), tostring(1e100)

return type(1), type("x"), type(nil), type({}), type(type), type(true)

return unpack({ 1, 2, 3 }), unpack({ 1, 2, 3 }, 2), (unpack({ 1, 2, 3 }, 2, 3)), unpack({}, 1, 2)

return rawequal("a", "a"), rawequal({}, {}), rawget({ 5 }, 1), rawequal(1, 1)

return 7 % 3, -7 % 3, 7 % -3, 2 ^ 10, 7 / 2, 1 / 2, -2 ^ 2, 5.5 % 2

return 1 < 2, "a" < "b", "a" < "B", 1 == 1.0, "1" == 1, not nil, not 0, nil == false

return "10" + 5, "3" * "4", 10 .. 20, "0x10" + 0, -"2"

return 1 and 2, nil and 1, false or "d", nil or false, 1 or error("no"), nil and error("no")

return ("hello"):upper(), ("Hello"):lower(), ("abc"):rep(3), ("abc"):reverse(), ("abc"):len(), #"abc"

return ("hello world"):find("wor"), ("hello"):find("l", 1, true), ("hello"):find("xyz"), ("a.b"):find(".", 1, true)

return ("key = value"):match("^(%w+)%s*=%s*(%w+)$"), ("2024-01-02"):match("(%d+)-(%d+)-(%d+)"), ("x"):match("()x()")

return ("hello world"):gsub("o", "0"), ("abc"):gsub("%w", "%0%0"), ("abc"):gsub("", "-"), ("hello"):gsub("l", { l = "L" }), ("abc"):gsub("%w", function(c) if c == "b" then return "B" end end)

return ("$name is $age"):gsub("%$(%w+)", { name = "Bob", age = 42 })

local words = {}
for w in ("one two  three"):gmatch("%S+") do words[#words + 1] = w end
return table.concat(words, "|")

local t = {}
for k, v in ("a=1, b=2"):gmatch("(%w+)=(%w+)") do t[#t + 1] = k .. v end
return unpack(t)

return ("%5.2f|%d|%s|%x|%5s|%-5s|%05d|%q|%%"):format(3.14159, 42, "hi", 255, "r", "l", 7, "q\"q")

return ("A"):byte(), ("ABC"):byte(1, 3), string.char(72, 105), ("abc"):byte(-1), ("abc"):byte(10)

return ("hello"):sub(2), ("hello"):sub(-3), ("hello"):sub(2, 3), ("hello"):sub(-3, -2), ("hello"):sub(10), ("hello"):sub(0)

local t = { 5, 2, 8, 1 }
table.sort(t)
local u = { "pear", "apple", "fig" }
table.sort(u, function(a, b) return #a < #b or #a == #b and a < b end)
return table.concat(t, ","), table.concat(u, ",")

local t = { 1, 2, 3 }
table.insert(t, 4) table.insert(t, 1, 0) table.insert(t, 3, "x")
local r = table.remove(t) local s = table.remove(t, 1)
return table.concat(t, ","), r, s, #t, table.remove({}), table.getn(t), table.maxn(t)

return math.floor(3.7), math.ceil(3.2), math.max(1, 5, 3), math.min(2, 0), math.abs(-4), math.sqrt(16), math.pi, math.fmod(7, 3), math.modf(3.25)

return math.floor(-3.5), math.huge > 1, math.pow(2, 8), math.mod(7, 3), math.exp(0), math.log(1), math.sin(0), math.ldexp(1, 4), math.frexp(8)

local r = math.random(5) local s = math.random() local u = math.random(3, 4)
return r >= 1 and r <= 5, s >= 0 and s < 1, u == 3 or u == 4

local function map(t, f) local out = {} for i, v in ipairs(t) do out[i] = f(v) end return out end
local function filter(t, f) local out = {} for _, v in ipairs(t) do if f(v) then out[#out + 1] = v end end return out end
return table.concat(map(filter({ 1, 2, 3, 4, 5, 6 }, function(n) return n % 2 == 0 end), function(n) return n * n end), " ")

local function split(s, sep)
  local out = {}
  for piece in (s .. sep):gmatch("(.-)" .. sep:gsub("%p", "%%%0")) do out[#out + 1] = piece end
  return out
end
local p = split("orders.eu.new", ".")
return #p, p[1], p[2], p[3]

local memo = setmetatable({}, { __index = function(t, n) local v = n < 2 and n or t[n - 1] + t[n - 2] t[n] = v return v end })
return memo[50]

local queue = { first = 1, last = 0 }
local function push(v) queue.last = queue.last + 1 queue[queue.last] = v end
local function pop() local v = queue[queue.first] queue[queue.first] = nil queue.first = queue.first + 1 return v end
push("a") push("b") push("c")
return pop(), pop(), queue[3], queue.last

local function serialize(v)
  if type(v) ~= "table" then return tostring(v) end
  local keys, out = {}, {}
  for k in pairs(v) do keys[#keys + 1] = tostring(k) end
  table.sort(keys)
  for _, k in ipairs(keys) do out[#out + 1] = k .. "=" .. serialize(v[k] or v[tonumber(k)]) end
  return "{" .. table.concat(out, ",") .. "}"
end
return serialize({ a = 1, b = { c = "x", d = { true } }, 7 })

local t = {}
for i = 1, 100 do t[i] = i end
for i = 1, 100 do if i % 2 == 0 then t[i] = nil end end
local n = 0
for _ in pairs(t) do n = n + 1 end
return n

local s = [[
first
second]]
return s, [==[a]]b]==], 'single\'s', "tab\tnew\nnul\0end\65", #"\0"

local x = 5
do local x = 6 x = x + 1 end
return x

local function x(x) x = tostring(x) .. "!" return x end
return x(1)

local function swap(a, b) a, b = b, a return a, b end
return swap(1, 2)

local function depth(n) if n == 0 then return 0 end return 1 + depth(n - 1) end
return depth(150)

local function loop(n, acc) if n == 0 then return acc end return loop(n - 1, acc + n) end
return loop(1000, 0)

local t = { f = function(self, x) return x end, ["end"] = 1 }
return t:f(3), t["end"], t.f(t, 4), (t.f)(t, 5)

local t = { n = 0 }
function t.inc() t.n = t.n + 1 return t end
t.inc().inc().inc().x = "set"
return t.n, t.x

assert(true)
assert(1, "not shown")
return assert("value", "message"), (pcall(assert, false, "m")), (pcall(assert, nil))

local function f(x) x = x .. "a" x = x .. "b" .. x return x end
return f("x")

local function f(a, x) x = a and x .. "a" or "none" return x end
return f(true, "x"), f(false, "x")

local function f(x) local y x, y = tostring(x) .. "!", { x } return x, y[1] end
return (f(1))

local function f(x) x = { x, n = x } x = { x.n, x[1] } return x[1], x[2] end
return f(7)

local function f(x) x = function() return x end return type(x) end
return f(1)
