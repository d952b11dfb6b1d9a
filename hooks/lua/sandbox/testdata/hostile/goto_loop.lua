-- limit: instructions
-- a loop without a loop statement
::again::
goto again
