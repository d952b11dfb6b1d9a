-- limit: runtime
-- a replacement that is no text
return ("x"):gsub(".", function() return {} end)
