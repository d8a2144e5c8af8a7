-- Ends a login epoch, if it is still the present one.
if redis.call('HGET', mailbox, 'epoch') == ARGV[1] then
  redis.call('HDEL', mailbox, 'node')
end
return 1
