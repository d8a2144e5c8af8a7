-- Begins a login epoch on a node; the one before ends. False where there is no mailbox.
-- ARGV: node, most drops of a notice, most notices, random bits of the epoch, life of the server.
-- {epoch, last sequence, queued, notices, node and epoch of the login that ended}; see notices.lua.
local EPOCH_STEP = 1048576
if redis.call('HEXISTS', mailbox, 'owner') == 0 then
  return false
end
settle()
-- From here on numbers are told to somebody: a server that forgets them must be known for another.
redis.call('HSETNX', mailbox, 'life', ARGV[5])
local before = redis.call('HMGET', mailbox, 'node', 'epoch')
local epoch = (math.floor((tonumber(before[2]) or 0) / EPOCH_STEP) + 1) * EPOCH_STEP + tonumber(ARGV[4])
redis.call('HSET', mailbox, 'epoch', string.format('%.0f', epoch), 'node', ARGV[1])
return {epoch, figure('last'), figure('queued'), close_notice(tonumber(ARGV[2]), tonumber(ARGV[3])),
  before[1] or '', tonumber(before[2]) or 0}
