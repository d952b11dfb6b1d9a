-- limit: none
-- patterns that are none
for _, p in ipairs({ "(", ")", "[", "[^", "[a", "%", "%b", "%bx", "%f", "%1", "(%1)", "[%", "%0" }) do assert(not pcall(string.find, "x", p), p) end
