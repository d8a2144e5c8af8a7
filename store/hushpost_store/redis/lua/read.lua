-- Up to a limit of envelopes after a sequence, in order, for the present login; none expired.
-- Each as sequence, id, head, body. ARGV: epoch, node, sequence, limit, now. What cannot be read is
-- handed out all the same, for the relay to count.
local after, limit, now = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local found = {}
if not is_present(ARGV[1], ARGV[2]) then
  return found
end
while #found < limit do
  local page = redis.call('ZRANGEBYSCORE', order, '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', 0, limit)
  if #page == 0 then
    break
  end
  for at = 1, #page, 2 do
    local id, head = page[at], redis.call('HGET', heads, page[at])
    after = page[at + 1]
    local _, not_after
    if is_whole(head) then
      _, not_after = struct.unpack('>I8I4', head)
    end
    if (not not_after or not_after * HOUR > now) and #found < limit then
      found[#found + 1] = {tonumber(after), id, head or '', redis.call('HGET', bodies, id) or ''}
    end
  end
end
return found
