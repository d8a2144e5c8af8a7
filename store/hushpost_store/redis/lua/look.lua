-- Looks at many mailboxes that this server holds. After the node come three for each: the key, the
-- epoch that is held and the last sequence that is known. Answers only for those that stand
-- otherwise: {place, epoch, last, node}, or {place} where the mailbox is not here or not readable.
local node, found = ARGV[1], {}
for at = 2, #ARGV, 3 do
  local stands = redis.pcall('HMGET', ARGV[at], 'epoch', 'last', 'node')
  if stands.err then
    found[#found + 1] = {(at - 2) / 3}
  elseif stands[1] ~= ARGV[at + 1] or stands[2] ~= ARGV[at + 2] or stands[3] ~= node then
    found[#found + 1] = {(at - 2) / 3, stands[1], stands[2], stands[3]}
  end
end
return found
