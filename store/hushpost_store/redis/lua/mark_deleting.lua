-- From now on the account cannot be loaded; returns all of it, empty where there is none. A mark that
-- stands is kept, and written again, so that waiting for replicas waits for the first one too.
if redis.call('EXISTS', account) == 0 then
  return {}
end
redis.call('HSET', account, 'deleting', redis.call('HGET', account, 'deleting') or ARGV[1])
return redis.call('HGETALL', account)
