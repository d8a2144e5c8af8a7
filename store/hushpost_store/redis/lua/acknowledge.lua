-- Deletes what the present login has kept: {envelopes, bytes} that went. After epoch and node come
-- pairs: the first and the last of sequences that follow each other.
if not is_present(ARGV[1], ARGV[2]) then
  return {0, 0}
end
local ids = {}
for at = 3, #ARGV, 2 do
  local some = redis.call('ZRANGEBYSCORE', order, ARGV[at], ARGV[at + 1])
  for number = 1, #some do
    ids[#ids + 1] = some[number]
  end
end
return {forget_all(ids)}
