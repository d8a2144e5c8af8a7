-- Puts ARGV[2] in place of ARGV[1] ('': of nothing) as the mark of all relays; returns what stands.
local stands = redis.call('HGET', KEYS[1], 'service') or ''
if stands == ARGV[1] or stands == ARGV[2] then -- written again, so that replicas are waited for
  redis.call('HSET', KEYS[1], 'service', ARGV[2])
  return ARGV[2]
end
return stands
