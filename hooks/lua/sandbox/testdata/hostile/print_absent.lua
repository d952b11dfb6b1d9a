-- limit: runtime
-- standard output
print("x")
