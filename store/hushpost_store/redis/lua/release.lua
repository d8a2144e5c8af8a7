-- Ends a mailbox with all that is in it, if it is the owner's: how much was queued.
if redis.call('HGET', mailbox, 'owner') ~= ARGV[1] then
  return {0, 0}
end
local gone = {figure('queued'), figure('bytes')}
redis.call('UNLINK', unpack(KEYS))
return gone
