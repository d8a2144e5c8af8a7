-- What describes the store, and the sums that all relays share: {format, generation, sweeps, accounts,
-- envelopes queued, their bytes}; a sum that nobody counted yet is nil.
-- ARGV: format and generation to give it where it has none, sweeps that the caller has seen, and what it
-- adds to the sums.
local store = KEYS[1]
local found = redis.call('HMGET', store, 'format', 'generation', 'sweeps')
if not found[1] then
  redis.call('HSET', store, 'format', ARGV[1])
end
-- Fewer sweeps than were seen: it was brought back as it was before, and forgot what came after.
if not found[2] or (tonumber(found[3]) or 0) < tonumber(ARGV[3]) then
  redis.call('HSET', store, 'generation', ARGV[2], 'sweeps', ARGV[3])
end
for at, name in ipairs({'accounts', 'queued', 'bytes'}) do
  if ARGV[at + 3] ~= '0' and redis.call('HEXISTS', store, name) == 1 then
    redis.call('HINCRBY', store, name, ARGV[at + 3])
  end
end
return redis.call('HMGET', store, 'format', 'generation', 'sweeps', 'accounts', 'queued', 'bytes')
