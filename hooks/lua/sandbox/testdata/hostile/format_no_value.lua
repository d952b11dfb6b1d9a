-- limit: runtime
-- fewer values than directives
return string.format("%d %d", 1)
