-- How many one-time records the device has; -1 no such device, -2 too many, and nothing is kept.
-- ARGV: device, day, most, then signed and seal (day of its end and record, both empty for none),
-- then id, day of its end and record of each one-time prekey.
local device_id, day, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local stock = redis.call('HEXISTS', account, 'deleting') == 0 and stock_of(device_id)
if not stock then
  return -1
end
local new, valid = {}, 0
for at = 8, #ARGV, 3 do
  local member = device_id .. ARGV[at]
  if not new[member] and redis.call('HEXISTS', records, member) == 0 and not redis.call('ZSCORE', taken, member) then
    new[member] = at
    valid = valid + (tonumber(ARGV[at + 1]) >= day and 1 or 0)
  end
end
if next(new) and left(stock, day) + valid > most then
  return -2
end
for member, at in pairs(new) do
  -- A day beyond the step would be another device's.
  redis.call('ZADD', fresh, stock + math.min(tonumber(ARGV[at + 1]), DEVICE_STEP - 1), member)
  redis.call('HSET', records, member, ARGV[at + 2])
end
-- Also where all were there: waiting for replicas waits for what wrote them.
redis.call('HSET', account, 'devices', redis.call('HGET', account, 'devices'))
for kind = 1, 2 do
  if ARGV[kind * 2 + 2] ~= '' then
    -- A deletion of its own, so that it counts as one: what is replaced leaves the logs too.
    redis.call('HDEL', standing, kind .. device_id)
    redis.call('HSET', standing, kind .. device_id,
      struct.pack('>I4', tonumber(ARGV[kind * 2 + 2])) .. ARGV[kind * 2 + 3])
  end
end
return left(stock, day)
