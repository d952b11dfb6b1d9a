-- limit: none
-- an index beyond arrays costs one key
local t = {}
t[67108863] = 1
t[2 ^ 52] = 1
t[-1] = 1
