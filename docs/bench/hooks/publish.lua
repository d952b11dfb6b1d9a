hook.publish(function(req)
  if req.client.user ~= "nobody" and req.subject ~= "forbidden" then return allow() end
end)
