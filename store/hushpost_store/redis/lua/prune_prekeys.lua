-- Removes what is past its day; how many records went, or -1 where the account is being deleted.
local day, gone = tonumber(ARGV[1]), 0
if redis.call('HEXISTS', account, 'deleting') == 1 then
  return -1
end
for _, device_id in ipairs(devices()) do
  local stock = stock_of(device_id)
  local past = redis.call('ZRANGEBYSCORE', fresh, stock, stock + day - 1)
  for _, member in ipairs(past) do
    redis.call('HDEL', records, member)
  end
  -- Only where there is something: a deletion that deletes nothing would have the logs rewritten.
  for _, ended in ipairs({fresh, taken}) do
    if redis.call('ZCOUNT', ended, stock, stock + day - 1) > 0 then
      redis.call('ZREMRANGEBYSCORE', ended, stock, stock + day - 1)
    end
  end
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
