-- 1 registered, 0 it was already, -1 no mailbox, -2 another drop has the name, or another kind.
-- -3 no room.
local ref, rest, kind, life_end, drops_max = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if redis.call('HEXISTS', mailbox, 'owner') == 0 then
  return -1
end
local known = redis.call('HGET', drops, ref)
if known then
  local same, known_kind = struct.unpack('>c16I1', known)
  if same ~= rest or known_kind ~= kind then
    return -2
  end
  -- Written again, so that waiting for replicas waits for what the first one wrote.
  redis.call('HSET', drops, ref, known)
  return 0
end
if redis.call('HLEN', drops) >= drops_max then
  return -3
end
redis.call('HSET', drops, ref, struct.pack(DROP, rest, kind, life_end))
if kind == ONCE then
  local before = tonumber(redis.call('HGET', mailbox, 'drop_end')) or life_end
  redis.call('HSET', mailbox, 'drop_end', math.min(before, life_end))
end
return 1
