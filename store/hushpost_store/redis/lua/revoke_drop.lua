-- 1 revoked, 0 it was not there, -1 no mailbox.
if redis.call('HEXISTS', mailbox, 'owner') == 0 then
  return -1
end
local drop = redis.call('HGET', drops, ARGV[1])
if not drop or string.sub(drop, 1, 16) ~= ARGV[2] then
  -- Something is written all the same, so that waiting for replicas waits for the first one.
  redis.call('HSET', mailbox, 'owner', redis.call('HGET', mailbox, 'owner'))
  return 0
end
return redis.call('HDEL', drops, ARGV[1])
