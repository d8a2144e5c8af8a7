-- Forgets a notice that the owner has kept.
return redis.call('HDEL', expired, 'n' .. ARGV[1])
