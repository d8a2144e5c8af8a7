-- Makes a mailbox for its owner: 1 made, 0 it was the owner's already, -1 it is another's.
local owner = redis.call('HGET', mailbox, 'owner')
if owner then
  return owner == ARGV[1] and 0 or -1
end
redis.call('HSET', mailbox, 'owner', ARGV[1])
return 1
