-- limit: runtime
-- more captures than there may be
return string.find("x", ("()"):rep(100))
