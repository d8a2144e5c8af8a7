-- Deletes what the present login has kept: {envelopes, bytes} that went. After the epoch come
-- pairs: the first and the last of sequences that follow each other.
if redis.call('HGET', mailbox, 'epoch') ~= ARGV[1] or redis.call('HEXISTS', mailbox, 'node') == 0 then
  return {0, 0}
end
local ids = {}
for at = 2, #ARGV, 2 do
  local some = redis.call('ZRANGEBYSCORE', order, ARGV[at], ARGV[at + 1])
  for number = 1, #some do
    ids[#ids + 1] = some[number]
  end
end
return {forget_all(ids)}
