-- limit: runtime
-- files
io.open("/etc/passwd")
