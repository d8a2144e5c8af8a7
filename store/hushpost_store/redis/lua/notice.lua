-- Notices of what expired: 'g' and a drop's reference for what still gathers, 'n' and a number for
-- what was closed. A closed one holds references and counts and stays until the owner saw it;
-- while the most of them wait, what is beyond gathers on.
local function close_notice(drops_max, notices_max)
  local all = redis.call('HGETALL', expired)
  local gathering, closed = {}, {}
  for at = 1, #all, 2 do
    local mark, name = string.sub(all[at], 1, 1), string.sub(all[at], 2)
    local count = tonumber(all[at + 1])
    -- What is damaged stays as it is, and keeps nobody from logging in.
    if mark == 'g' and #name == 16 and count then
      gathering[#gathering + 1] = struct.pack('>c16I4', name, count)
    elseif mark == 'n' and tonumber(name) then
      closed[#closed + 1] = {tonumber(name), all[at + 1]}
    end
  end
  table.sort(gathering)
  for first = 1, #gathering, drops_max do
    if #closed >= notices_max then
      break
    end
    local last = math.min(first + drops_max - 1, #gathering)
    local number = redis.call('HINCRBY', mailbox, 'notices', 1)
    for at = first, last do
      redis.call('HDEL', expired, 'g' .. string.sub(gathering[at], 1, 16))
    end
    local packed = table.concat(gathering, '', first, last)
    redis.call('HSET', expired, 'n' .. number, packed)
    closed[#closed + 1] = {number, packed}
  end
  table.sort(closed, function(one, other) return one[1] < other[1] end)
  return closed
end
