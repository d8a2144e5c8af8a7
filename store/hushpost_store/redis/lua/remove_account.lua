-- Removes an account whose mailboxes are gone, if it is still marked as it was; how many keys went.
if redis.call('HGET', account, 'deleting') ~= ARGV[1] then
  return 0
end
return redis.call('UNLINK', unpack(KEYS))
