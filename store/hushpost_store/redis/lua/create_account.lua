-- 1 created, 0 it is there and equal, -1 it is there and differs.
-- ARGV: genesis, day, version, head, record, then id, key and route of each device.
if redis.call('EXISTS', account) == 1 then
  local known = redis.call('HMGET', account, 'genesis', 'version', 'head', 'record', 'devices', 'deleting')
  local same = known[1] == ARGV[1] and known[2] == ARGV[3] and known[3] == ARGV[4]
    and known[4] == ARGV[5] and tonumber(known[5]) * 3 == #ARGV - 5 and not known[6]
  for at = 6, #ARGV, 3 do
    local place = (at - 3) / 3
    local device = redis.call('HMGET', account, 'device_id:' .. place, 'device_key:' .. place, 'route:' .. place)
    same = same and device[1] == ARGV[at] and device[2] == ARGV[at + 1] and device[3] == ARGV[at + 2]
  end
  if same then
    -- Written again, so that waiting for replicas waits for what the first one wrote.
    redis.call('HSET', account, 'created_day', redis.call('HGET', account, 'created_day'))
  end
  return same and 0 or -1
end
redis.call('HSET', account, 'genesis', ARGV[1], 'created_day', ARGV[2])
write_list(ARGV[3], ARGV[4], ARGV[5])
write_devices(6)
return 1
