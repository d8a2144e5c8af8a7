-- Begins a login epoch on a node; the one before ends. False where there is no mailbox.
-- {epoch, last sequence, queued, notices, node of the login that ended}; see notices.lua.
if redis.call('HEXISTS', mailbox, 'owner') == 0 then
  return false
end
settle()
local epoch = redis.call('HINCRBY', mailbox, 'epoch', 1)
local before = redis.call('HGET', mailbox, 'node') or ''
redis.call('HSET', mailbox, 'node', ARGV[1])
return {epoch, figure('last'), figure('queued'), close_notice(tonumber(ARGV[2])), before}
