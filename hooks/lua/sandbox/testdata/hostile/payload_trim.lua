-- limit: instructions
-- input: space 200000
-- trimming as it is often written
hook(function(s) return s:match("^%s*(.-)%s*$") .. (s .. "x"):gsub("%s+$", "") end)
