-- limit: none
-- table.insert at an index beyond arrays
table.insert({}, 60000000, 1)
