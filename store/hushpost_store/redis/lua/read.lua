-- Up to a limit of envelopes after a sequence, in order, for the present login; none expired.
-- Each as sequence, id, head, body.
local after, limit, now = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local found = {}
if redis.call('HGET', mailbox, 'epoch') ~= ARGV[1] or redis.call('HEXISTS', mailbox, 'node') == 0 then
  return found
end
while #found < limit do
  local page = redis.call('ZRANGEBYSCORE', order, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
  if #page == 0 then
    break
  end
  for at = 1, #page, 2 do
    local id, head = page[at], redis.call('HGET', heads, page[at])
    after = tonumber(page[at + 1])
    local _, not_after = struct.unpack('>I8I4', head)
    if not_after * HOUR > now and #found < limit then
      found[#found + 1] = {after, id, head, redis.call('HGET', bodies, id)}
    end
  end
end
return found
