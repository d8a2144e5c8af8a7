-- Ends a mailbox with all that is in it, if owner and claim are still what was read before the account
-- was looked at: how much was queued, and whether it went.
if redis.call('HGET', mailbox, 'owner') ~= ARGV[1] then
  return {0, 0, 0}
end
local gone = {figure('queued'), figure('bytes'), 1}
redis.call('UNLINK', unpack(KEYS))
return gone
