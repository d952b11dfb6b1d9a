-- limit: instructions
-- a comparator that never returns
table.sort({ 2, 1 }, function() while true do end end)
