hook.connect(function(req)
  return allow{
    user = "bench", permissions = { publish = { "bench.>", "orders.*.new" }, subscribe = { "bench.>", "_INBOX.>" } } }
end)
