-- limit: instructions
-- a replacement that never returns
return ("x"):gsub(".", function() while true do end end)
