-- Notes that all was swept and counted: ARGV: accounts, envelopes queued, their bytes.
redis.call('HSET', KEYS[1], 'accounts', ARGV[1], 'queued', ARGV[2], 'bytes', ARGV[3])
return redis.call('HINCRBY', KEYS[1], 'sweeps', 1)
