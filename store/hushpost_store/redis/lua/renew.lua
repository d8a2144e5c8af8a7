-- Puts a new generation in place of the one that is taken for outdated; returns what stands.
if redis.call('HGET', KEYS[1], 'generation') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'generation', ARGV[2])
end
return redis.call('HGET', KEYS[1], 'generation')
