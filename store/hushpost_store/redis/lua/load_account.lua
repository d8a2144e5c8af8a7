-- All of an account, as a flat list of fields; empty where it is unknown or being deleted.
if redis.call('HEXISTS', account, 'deleting') == 1 and ARGV[1] ~= '1' then
  return {}
end
return redis.call('HGETALL', account)
