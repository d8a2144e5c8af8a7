-- Decides about an envelope and gives it its place (docs/spec/store.md, "Admission").
-- The lifetime has been judged. Answers {0, sequence, duplicate, node of the owner's login} or
-- {reason, seconds until it is worth trying again}.
local NO_DROP, FULL = 1, 2
local ref, rest, id = ARGV[1], ARGV[2], ARGV[3]
local is_ephemeral, not_after, now = ARGV[4] == '1', tonumber(ARGV[5]), tonumber(ARGV[6])
local size, body, tail = tonumber(ARGV[7]), ARGV[8], ARGV[9]
local envelopes_max, bytes_max = tonumber(ARGV[10]), tonumber(ARGV[11])
local drop_envelopes_max, drop_bytes_max = tonumber(ARGV[12]), tonumber(ARGV[13])
local knocks_max, knock_bytes_max = tonumber(ARGV[14]), tonumber(ARGV[15])
local retry_seconds = tonumber(ARGV[16])

local drop = redis.call('HGET', drops, ref)
if not drop or string.sub(drop, 1, 16) ~= rest then
  return {NO_DROP, 0}
end
local _, kind, life_end = struct.unpack(DROP, drop)
local used_by = string.sub(drop, USED_BY_AT)
local node = redis.call('HGET', mailbox, 'node') or ''
if is_ephemeral then
  -- Strangers have nothing ephemeral to say, and a one-use drop would never be used up.
  return kind == CONTACT and {0, 0, 0, node} or {NO_DROP, 0}
end
settle()
local known = redis.call('HGET', heads, id)
local sequence = known and struct.unpack('>I8', known) or 0
if kind == ONCE then
  if life_end * HOUR <= now or (used_by ~= '' and used_by ~= id) then
    return {NO_DROP, 0}
  end
  if used_by == id then
    -- Written anew, as below, so that waiting for replicas waits for what the first one wrote.
    redis.call('HSET', drops, ref, drop)
    return {0, sequence, 1, node}
  end
end
if known then
  redis.call('HSET', heads, id, known)
  return {0, sequence, 1, node}
end

local figures = redis.call('HMGET', mailbox, 'queued', 'bytes', '#' .. ref, '%' .. ref, 'latest')
for at = 1, 5 do
  figures[at] = tonumber(figures[at]) or 0
end
local queued, bytes, through, through_bytes, latest = unpack(figures)
local today = math.floor(now / DAY)
local knocks = 0
if kind == KNOCK then
  -- Refilled by the day and never by draining; contacts' mail cannot use it up.
  knocks = figure('knock_day') == today and figure('knocks') or 0
  if knocks >= knocks_max then
    return {FULL, (today + 1) * DAY - math.floor(now) + 1}
  end
  if through_bytes + size > knock_bytes_max then
    return {FULL, retry_seconds}
  end
elseif queued >= envelopes_max or bytes + size > bytes_max
  or through >= drop_envelopes_max or through_bytes + size > drop_bytes_max then
  return {FULL, retry_seconds}
end

sequence = redis.call('HINCRBY', mailbox, 'last', 1)
redis.call('HSET', heads, id, struct.pack(HEAD, sequence, not_after, size, ref) .. tail)
redis.call('HSET', bodies, id, body)
redis.call('ZADD', order, sequence, id)
count_in(ref, size)
if kind == KNOCK then
  redis.call('HSET', mailbox, 'knock_day', today, 'knocks', knocks + 1)
elseif kind == ONCE then
  redis.call('HSET', drops, ref, struct.pack(DROP, rest, kind, not_after) .. id)
  redis.call('HSET', mailbox, 'drop_end', math.min(figure('drop_end'), not_after))
end
if queued == 0 then
  redis.call('HSET', mailbox, 'earliest', not_after)
  latest = 0
else
  redis.call('HSET', mailbox, 'earliest', math.min(figure('earliest'), not_after))
end
if not_after > latest then
  redis.call('HSET', mailbox, 'latest', not_after)
  local seconds = not_after * HOUR - math.floor(now) + GRACE
  redis.call('EXPIRE', heads, seconds)
  redis.call('EXPIRE', bodies, seconds)
  redis.call('EXPIRE', order, seconds)
end
return {0, sequence, 0, node}
