-- limit: runtime
-- the environment
os.getenv("HOME")
