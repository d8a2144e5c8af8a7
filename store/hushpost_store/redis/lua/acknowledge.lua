-- Deletes what the present login has kept: {envelopes, bytes} that went.
local gone, size = 0, 0
if redis.call('HGET', mailbox, 'epoch') == ARGV[1] and redis.call('HEXISTS', mailbox, 'node') == 1 then
  for at = 2, #ARGV do
    local id = redis.call('ZRANGEBYSCORE', order, ARGV[at], ARGV[at])[1]
    local freed = id and forget(id)
    if freed then
      gone, size = gone + 1, size + freed
    end
  end
end
return {gone, size}
