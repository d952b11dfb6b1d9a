hook.rewrite("old.>", function(req)
  return "bench." .. req.subject:match("^old%.(.+)$")
end, { cache = { by = { "account", "subject" }, ttl = 300 } })
