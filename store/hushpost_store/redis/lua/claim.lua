-- Makes a mailbox for its owner: 1 made, 0 it was the owner's already, -1 it is another's.
-- ARGV: the owner, and random bytes that make this claim another one than those before.
local known = redis.call('HGET', mailbox, 'owner')
if known and string.sub(known, 1, #ARGV[1]) ~= ARGV[1] then
  return -1
end
redis.call('HSET', mailbox, 'owner', ARGV[1] .. ARGV[2])
return known and 0 or 1
