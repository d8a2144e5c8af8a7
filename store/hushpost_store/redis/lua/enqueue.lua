-- Decides about an envelope and gives it its place (docs/spec/store.md, "Admission").
-- The lifetime has been judged. Answers {0, sequence, duplicate, node of the owner's login} or
-- {reason, seconds until it is worth trying again}. Each call into Redis costs a microsecond or
-- two: what is known of the mailbox is read by one and written by one.
local call = redis.call
local NO_DROP, FULL, RETRY = 1, 2, 3
local ref, rest, id = ARGV[1], ARGV[2], ARGV[3]
local is_ephemeral, not_after, now = ARGV[4] == '1', tonumber(ARGV[5]), tonumber(ARGV[6])
local size, body, tail = tonumber(ARGV[7]), ARGV[8], ARGV[9]
local envelopes_max, bytes_max, drop_envelopes_max, drop_bytes_max,
  knocks_max, knock_bytes_max, retry_seconds = struct.unpack(QUOTAS, ARGV[10])
-- The last one names the life of the server that this runs on.
local sum, life = tonumber(ARGV[11]), ARGV[12]

local drop = call('HGET', drops, ref)
if not drop or string.sub(drop, 1, 16) ~= rest then
  return {NO_DROP, 0}
end
local _, kind, life_end = struct.unpack(DROP, drop)
local used_by = string.sub(drop, USED_BY_AT)

local function look()
  return call('HMGET', mailbox, 'queued', 'node', 'bytes', '#' .. ref, '%' .. ref, 'last',
    'earliest', 'latest', 'owner', 'life')
end
local found = look()
if not found[9] then
  return {RETRY, 0} -- half a mailbox: damaged, and for the operator to look at
end
local queued = tonumber(found[1]) or 0
local node = found[2] or ''
if is_ephemeral then
  -- Strangers have nothing ephemeral to say, and a one-use drop would never be used up.
  return kind == CONTACT and {0, 0, 0, node} or {NO_DROP, 0}
end
local known = false
if queued > 0 then
  if call('EXISTS', order) == 0 then
    settle()
    found = look()
    queued = 0
  else
    known = call('HGET', heads, id)
  end
end
local sequence = known and struct.unpack('>I8', known) or 0
if kind == ONCE then
  if life_end * HOUR <= now or (used_by ~= '' and used_by ~= id) then
    return {NO_DROP, 0}
  end
  if used_by == id then
    -- Written anew, as below, so that waiting for replicas waits for what the first one wrote.
    call('HSET', drops, ref, drop)
    return {0, sequence, 1, node}
  end
end
if known then
  call('HSET', heads, id, known)
  return {0, sequence, 1, node}
end

local bytes, through = tonumber(found[3]) or 0, tonumber(found[4]) or 0
local through_bytes = tonumber(found[5]) or 0
local today = math.floor(now / DAY)
local knocks = 0
if kind == KNOCK then
  -- Refilled by the day and never by draining; contacts' mail cannot use it up.
  -- A relay whose clock is behind goes on with the later day: two could start it again in turn.
  today = math.max(today, figure('knock_day'))
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

-- A server that took over may not know the last numbers: none of them is given again.
local is_new_life = found[10] and found[10] ~= life
sequence = (tonumber(found[6]) or 0) + (is_new_life and LOST_MAX or 0) + 1
local earliest, latest = not_after, not_after
if queued > 0 then
  earliest = math.min(tonumber(found[7]) or 0, not_after)
  latest = math.max(tonumber(found[8]) or 0, not_after)
end
call('HSET', heads, id, struct.pack(HEAD, sequence, not_after, size, ref, sum) .. tail)
call('HSET', bodies, id, body)
call('ZADD', order, sequence, id)
call('HSET', mailbox, 'last', sequence, 'queued', queued + 1, 'bytes', bytes + size,
  '#' .. ref, through + 1, '%' .. ref, through_bytes + size, 'earliest', earliest,
  'latest', latest)
if found[10] ~= life then
  call('HSET', mailbox, 'life', life)
end
if kind == KNOCK then
  call('HSET', mailbox, 'knock_day', today, 'knocks', knocks + 1)
elseif kind == ONCE then
  call('HSET', drops, ref, struct.pack(DROP, rest, kind, not_after) .. id)
  call('HSET', mailbox, 'drop_end', math.min(figure('drop_end'), not_after))
end
if queued == 0 or latest > (tonumber(found[8]) or 0) then
  -- From whichever clock is behind, so that a wrong one ends nothing early.
  local seconds = latest * HOUR - math.min(math.floor(now), tonumber(call('TIME')[1])) + GRACE
  call('EXPIRE', heads, seconds)
  call('EXPIRE', bodies, seconds)
  call('EXPIRE', order, seconds)
end
return {0, sequence, 0, node}
