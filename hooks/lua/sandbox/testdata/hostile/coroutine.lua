-- limit: runtime
-- a coroutine escapes the meter
coroutine.wrap(function() while true do end end)()
