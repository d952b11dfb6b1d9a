-- limit: none
-- an interval of everything
math.random(-1e300, 1e300)
math.random(1e300)
math.randomseed(1e300)
math.random(1, 2)
