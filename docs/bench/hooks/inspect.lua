hook.inspect(function(msg)
  if msg.payload:find('"card"', 1, true) then return drop("a card number") end
end)
