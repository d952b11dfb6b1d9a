-- limit: runtime
-- an interval of nothing
return math.random(0)
