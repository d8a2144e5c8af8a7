-- What every script of a mailbox begins with. docs/spec/store.md, "Redis", draws the keys.
-- A script sees one mailbox at one moment; nothing else runs in between.
local mailbox, drops, heads, order, bodies, expired = unpack(KEYS)

-- One queued envelope: sequence, hour of its end, size, drop reference, check sum; its last bytes
-- follow.
local HEAD = '>I8I4I4c16I4'
local HEAD_BYTES = 36
-- One drop: the half of its hash that is not its name, kind, hour of its end, who used it.
local DROP = '>c16I1I4'
local USED_BY_AT = 22
-- What the relay allows, in the order of mailboxes.py.
local QUOTAS = '>I8I8I8I8I8I8I8'
local CONTACT, ONCE, KNOCK = 1, 2, 3
local HOUR, DAY = 3600, 86400
-- Longer than any relay takes between two sweeps: Redis expires only what nobody swept.
local GRACE = 2 * HOUR
-- How far the sequence rises where a server that took over may not know the last ones: more than can
-- be under way. Above 1e14 Lua would round what it writes; that is 1e8 such steps.
local LOST_MAX = 1048576

local function figure(field)
  return tonumber(redis.call('HGET', mailbox, field)) or 0
end

-- Whether the login that calls is the present one.
local function is_present(epoch, node)
  local present = redis.call('HMGET', mailbox, 'epoch', 'node')
  return present[1] == epoch and present[2] == node
end

-- Whether a head is as long as one is; what cannot be read is left as it is.
local function is_whole(head)
  return head and #head >= HEAD_BYTES
end

local function count_out(ref, size)
  redis.call('HINCRBY', mailbox, 'queued', -1)
  redis.call('HINCRBY', mailbox, 'bytes', -size)
  if redis.call('HINCRBY', mailbox, '#' .. ref, -1) <= 0 then
    redis.call('HDEL', mailbox, '#' .. ref, '%' .. ref)
  else
    redis.call('HINCRBY', mailbox, '%' .. ref, -size)
  end
end

-- Takes an envelope out; returns its size and its drop, or nil where it is not there.
local function forget(id)
  local head = redis.call('HGET', heads, id)
  if not is_whole(head) then
    return nil
  end
  local _, _, size, ref = struct.unpack(HEAD, head)
  redis.call('HDEL', heads, id)
  redis.call('HDEL', bodies, id)
  redis.call('ZREM', order, id)
  count_out(ref, size)
  return size, ref
end

-- Fewer than Lua's stack takes at once.
local AT_ONCE = 500

-- Takes the rows of some envelopes out; returns envelopes, bytes and the same by drop.
local function take_rows(ids)
  local packed = redis.call('HMGET', heads, unpack(ids))
  local gone, freed, refs, through = 0, 0, {}, {}
  for at = 1, #ids do
    if is_whole(packed[at]) then
      local _, _, size, ref = struct.unpack(HEAD, packed[at])
      gone, freed = gone + 1, freed + size
      if not through[ref] then
        refs[#refs + 1], through[ref] = ref, {0, 0}
      end
      through[ref][1], through[ref][2] = through[ref][1] + 1, through[ref][2] + size
    end
  end
  if redis.call('ZCARD', order) == #ids then
    redis.call('DEL', heads, bodies, order)
  else
    redis.call('HDEL', heads, unpack(ids))
    redis.call('HDEL', bodies, unpack(ids))
    redis.call('ZREM', order, unpack(ids))
  end
  return gone, freed, refs, through
end

-- Takes envelopes out that stand in the order; returns how many and their bytes.
local function forget_all(ids)
  if #ids > AT_ONCE then
    local gone, freed = 0, 0
    for first = 1, #ids, AT_ONCE do
      local some, size = forget_all({unpack(ids, first, math.min(first + AT_ONCE - 1, #ids))})
      gone, freed = gone + some, freed + size
    end
    return gone, freed
  elseif #ids == 0 then
    return 0, 0
  end
  local gone, freed, refs, through = take_rows(ids)
  local names = {'queued', 'bytes'}
  for at = 1, #refs do
    names[2 * at + 1], names[2 * at + 2] = '#' .. refs[at], '%' .. refs[at]
  end
  local held = redis.call('HMGET', mailbox, unpack(names))
  local left = {'queued', (tonumber(held[1]) or 0) - gone, 'bytes', (tonumber(held[2]) or 0) - freed}
  local used_up = {}
  for at = 1, #refs do
    local of_drop = through[refs[at]]
    local envelopes = (tonumber(held[2 * at + 1]) or 0) - of_drop[1]
    local size = (tonumber(held[2 * at + 2]) or 0) - of_drop[2]
    if envelopes > 0 then
      left[#left + 1], left[#left + 2] = names[2 * at + 1], envelopes
      left[#left + 1], left[#left + 2] = names[2 * at + 2], size
    else
      used_up[#used_up + 1], used_up[#used_up + 2] = names[2 * at + 1], names[2 * at + 2]
    end
  end
  redis.call('HSET', mailbox, unpack(left))
  if #used_up > 0 then
    redis.call('HDEL', mailbox, unpack(used_up))
  end
  return gone, freed
end

local function gather(ref, envelopes)
  redis.call('HINCRBY', expired, 'g' .. ref, envelopes)
end

-- Redis ends what no relay swept in time, without a word: what was counted then becomes a notice.
local function settle()
  if figure('queued') == 0 or redis.call('EXISTS', order) == 1 then
    return 0, 0
  end
  local envelopes, size = figure('queued'), figure('bytes')
  local all = redis.call('HGETALL', mailbox)
  for at = 1, #all, 2 do
    local mark, ref = string.sub(all[at], 1, 1), string.sub(all[at], 2)
    if mark == '#' then
      gather(ref, tonumber(all[at + 1]))
      redis.call('HDEL', mailbox, '#' .. ref, '%' .. ref)
    end
  end
  redis.call('HSET', mailbox, 'queued', 0, 'bytes', 0)
  redis.call('DEL', heads, bodies)
  return envelopes, size
end
