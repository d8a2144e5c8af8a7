-- Notes that all was swept and counted: ARGV: accounts, envelopes queued, their bytes.
local before = tonumber(redis.call('HGET', KEYS[1], 'sweeps')) or 0
if not (before >= 0 and before < 1e15 and before == math.floor(before)) then
  before = 0 -- damaged: who has seen more takes the store for an older one, and that is what it is
end
redis.call('HSET', KEYS[1], 'accounts', ARGV[1], 'queued', ARGV[2], 'bytes', ARGV[3],
  'sweeps', before + 1)
return before + 1
