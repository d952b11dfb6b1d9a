hook.connect(function(req)
  return allow{ permissions = { publish = { "bench.>", "orders.*.new" }, subscribe = { "bench.>", "_INBOX.>" } } }
end)
