-- Deletes what has expired: {envelopes, bytes, drops, owner, damaged, queued, bytes queued}.
local now = tonumber(ARGV[1])
local owner = redis.call('HGET', mailbox, 'owner')
if not owner then
  -- Half a mailbox is damaged. One of which nothing is left was released since it was scanned.
  return {0, 0, 0, '', math.min(redis.call('EXISTS', unpack(KEYS)), 1), 0, 0}
end
local envelopes, bytes = settle()
local damaged = 0
if redis.call('HLEN', heads) ~= redis.call('ZCARD', order) or figure('queued') ~= redis.call('ZCARD', order) then
  damaged = 1
end
if figure('queued') > 0 and figure('earliest') * HOUR <= now then
  local earliest
  local all = redis.call('HGETALL', heads)
  for at = 1, #all, 2 do
    if is_whole(all[at + 1]) then
      local _, not_after, _, ref = struct.unpack(HEAD, all[at + 1])
      if not_after * HOUR <= now then
        bytes = bytes + forget(all[at])
        envelopes = envelopes + 1
        gather(ref, 1)
      else
        earliest = math.min(earliest or not_after, not_after)
      end
    else
      damaged = damaged + 1
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
    if #all[at + 1] < USED_BY_AT - 1 then
      damaged = damaged + 1
    else
      local _, kind, life_end = struct.unpack(DROP, all[at + 1])
      if kind == ONCE and life_end * HOUR <= now then
        redis.call('HDEL', drops, all[at])
        ended = ended + 1
      elseif kind == ONCE then
        next_end = math.min(next_end or life_end, life_end)
      end
    end
  end
  if next_end then
    redis.call('HSET', mailbox, 'drop_end', next_end)
  else
    redis.call('HDEL', mailbox, 'drop_end')
  end
end
-- On which day a stranger last wrote is not kept beyond it.
local knock_day = tonumber(redis.call('HGET', mailbox, 'knock_day'))
if knock_day and knock_day < math.floor(now / DAY) then
  redis.call('HDEL', mailbox, 'knock_day', 'knocks')
end
return {envelopes, bytes, ended, owner, damaged, figure('queued'), figure('bytes')}
