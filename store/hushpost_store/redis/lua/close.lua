-- Ends a login epoch, if it is still the present one.
if is_present(ARGV[1], ARGV[2]) then
  redis.call('HDEL', mailbox, 'node')
end
return 1
