-- What every script of a mailbox begins with. docs/spec/store.md, "Redis", draws the keys.
-- A script sees one mailbox at one moment; nothing else runs in between.
local mailbox, drops, heads, order, bodies, expired = unpack(KEYS)

-- One queued envelope: sequence, hour of its end, size, drop reference, its last bytes.
local HEAD = '>I8I4I4c16'
local TAIL_AT = 33
-- One drop: the half of its hash that is not its name, kind, hour of its end, who used it.
local DROP = '>c16I1I4'
local USED_BY_AT = 22
local CONTACT, ONCE, KNOCK = 1, 2, 3
local HOUR, DAY = 3600, 86400
-- Longer than any relay takes between two sweeps: Redis expires only what nobody swept.
local GRACE = 2 * HOUR

local function figure(field)
  return tonumber(redis.call('HGET', mailbox, field)) or 0
end

local function count_in(ref, size)
  redis.call('HINCRBY', mailbox, 'queued', 1)
  redis.call('HINCRBY', mailbox, 'bytes', size)
  redis.call('HINCRBY', mailbox, '#' .. ref, 1)
  redis.call('HINCRBY', mailbox, '%' .. ref, size)
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
  if not head then
    return nil
  end
  local _, _, size, ref = struct.unpack(HEAD, head)
  redis.call('HDEL', heads, id)
  redis.call('HDEL', bodies, id)
  redis.call('ZREM', order, id)
  count_out(ref, size)
  return size, ref
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
