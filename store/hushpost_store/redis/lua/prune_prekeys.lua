-- Removes what is past its day; how many records went.
local day, gone = tonumber(ARGV[1]), 0
for _, device_id in ipairs(devices()) do
  local stock = stock_of(device_id)
  local past = redis.call('ZRANGEBYSCORE', fresh, stock, stock + day - 1)
  for _, member in ipairs(past) do
    redis.call('HDEL', records, member)
  end
  redis.call('ZREMRANGEBYSCORE', fresh, stock, stock + day - 1)
  redis.call('ZREMRANGEBYSCORE', taken, stock, stock + day - 1)
  gone = gone + #past
  for kind = 1, 2 do
    local found = redis.call('HGET', standing, kind .. device_id)
    if found and struct.unpack('>I4', found) < day then
      redis.call('HDEL', standing, kind .. device_id)
      gone = gone + 1
    end
  end
end
return gone
