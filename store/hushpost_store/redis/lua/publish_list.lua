-- 1 swapped, 0 it is there already, -1 no account, -2 the head is another.
-- ARGV: expected head, version, head, record, how many are kept, then the devices.
if redis.call('EXISTS', account) == 0 or redis.call('HEXISTS', account, 'deleting') == 1 then
  return -1
end
local known = redis.call('HMGET', account, 'version', 'head', 'record', 'devices')
if known[1] == ARGV[2] and known[2] == ARGV[3] and known[3] == ARGV[4] then
  local same = tonumber(known[4]) * 3 == #ARGV - 5
  for at = 6, #ARGV, 3 do
    local place = (at - 3) / 3
    local device = redis.call('HMGET', account, 'device_id:' .. place, 'device_key:' .. place, 'route:' .. place)
    same = same and device[1] == ARGV[at] and device[2] == ARGV[at + 1] and device[3] == ARGV[at + 2]
  end
  if same then
    -- Written again, so that waiting for replicas waits for what the first one wrote.
    redis.call('HSET', account, 'version', known[1])
    return 0
  end
end
if known[2] ~= ARGV[1] then
  return -2
end
for device_id in pairs(write_devices(6)) do
  local stock = stock_of(device_id)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', fresh, stock, stock + DEVICE_STEP - 1)) do
    redis.call('HDEL', records, member)
  end
  redis.call('ZREMRANGEBYSCORE', fresh, stock, stock + DEVICE_STEP - 1)
  redis.call('ZREMRANGEBYSCORE', taken, stock, stock + DEVICE_STEP - 1)
  redis.call('HDEL', standing, '1' .. device_id, '2' .. device_id)
  redis.call('HDEL', account, 'number:' .. device_id)
end
write_list(ARGV[2], ARGV[3], ARGV[4])
local versions = redis.call('HKEYS', lists)
if #versions > tonumber(ARGV[5]) then
  table.sort(versions, function(one, other) return tonumber(one) < tonumber(other) end)
  for at = 1, #versions - tonumber(ARGV[5]) do
    redis.call('HDEL', lists, versions[at])
  end
end
return 1
