-- The device lists that are kept, as a flat list of version and record, in no order.
if redis.call('HEXISTS', account, 'deleting') == 1 then
  return {}
end
return redis.call('HGETALL', lists)
