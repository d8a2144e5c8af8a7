-- Deletes what has expired: {envelopes, bytes, drops, owner, node of the login}.
local now = tonumber(ARGV[1])
local envelopes, bytes = settle()
if figure('queued') > 0 and figure('earliest') * HOUR <= now then
  local earliest
  local all = redis.call('HGETALL', heads)
  for at = 1, #all, 2 do
    local _, not_after, _, ref = struct.unpack(HEAD, all[at + 1])
    if not_after * HOUR <= now then
      bytes = bytes + forget(all[at])
      envelopes = envelopes + 1
      gather(ref, 1)
    else
      earliest = math.min(earliest or not_after, not_after)
    end
  end
  redis.call('HSET', mailbox, 'earliest', earliest or 0)
end
local ended = 0
local drop_end = tonumber(redis.call('HGET', mailbox, 'drop_end'))
if drop_end and drop_end * HOUR <= now then
  local next_end
  local all = redis.call('HGETALL', drops)
  for at = 1, #all, 2 do
    local _, kind, life_end = struct.unpack(DROP, all[at + 1])
    if kind == ONCE and life_end * HOUR <= now then
      redis.call('HDEL', drops, all[at])
      ended = ended + 1
    elseif kind == ONCE then
      next_end = math.min(next_end or life_end, life_end)
    end
  end
  if next_end then
    redis.call('HSET', mailbox, 'drop_end', next_end)
  else
    redis.call('HDEL', mailbox, 'drop_end')
  end
end
return {envelopes, bytes, ended, redis.call('HGET', mailbox, 'owner') or '',
  redis.call('HGET', mailbox, 'node') or '', figure('queued'), figure('bytes')}
