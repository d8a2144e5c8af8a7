-- {fields of the account, {device, signed, seal, one-time, left} of each}; empty for no account.
-- ARGV: the day; 1, or 0 to hand out no one-time record. One is deleted here and its name kept, so that it goes out once.
local day, one_time = tonumber(ARGV[1]), ARGV[2] == '1'
if redis.call('EXISTS', account) == 0 or redis.call('HEXISTS', account, 'deleting') == 1 then
  return {}
end
local function valid(kind, device_id)
  local found = redis.call('HGET', standing, kind .. device_id)
  return found and struct.unpack('>I4', found) >= day and string.sub(found, 5)
end
local bundles = {}
for at, device_id in ipairs(devices()) do
  local stock, record = stock_of(device_id), false
  local member = one_time
    and redis.call('ZRANGEBYSCORE', fresh, stock + day, stock + DEVICE_STEP - 1, 'LIMIT', 0, 1)[1]
  if member then
    record = redis.call('HGET', records, member)
    redis.call('ZADD', taken, redis.call('ZSCORE', fresh, member), member)
    redis.call('ZREM', fresh, member)
    redis.call('HDEL', records, member)
  end
  bundles[at] = {device_id, valid('1', device_id), valid('2', device_id), record, left(stock, day)}
end
return {redis.call('HMGET', account, 'genesis', 'version', 'head', 'record'), bundles}
