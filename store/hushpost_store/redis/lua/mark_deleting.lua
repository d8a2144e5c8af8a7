-- From now on the account cannot be loaded; false where there is none.
if redis.call('EXISTS', account) == 0 then
  return 0
end
redis.call('HSET', account, 'deleting', 1)
return 1
