-- What every script of an account begins with. docs/spec/store.md, "Redis", draws the keys.
local account, lists, fresh, records, taken, standing = unpack(KEYS)
-- Stocks of all devices lie in one sorted set: a device's number above the day a record ends.
local DEVICE_STEP = 16777216
-- More than a list may name: a damaged count must not keep the server busy for ever.
local DEVICES_MAX = 64

local function device_count()
  return math.min(tonumber(redis.call('HGET', account, 'devices')) or 0, DEVICES_MAX)
end

local function devices()
  local found = {}
  for at = 1, device_count() do
    found[at] = redis.call('HGET', account, 'device_id:' .. at)
  end
  return found
end

local function stock_of(device_id)
  local number = redis.call('HGET', account, 'number:' .. device_id)
  return number and tonumber(number) * DEVICE_STEP
end

local function left(stock, day)
  return redis.call('ZCOUNT', fresh, stock + day, stock + DEVICE_STEP - 1)
end

-- Writes the devices from ARGV[at] on: id, key and route of each.
local function write_devices(at)
  local before = {}
  for _, device_id in ipairs(devices()) do
    before[device_id] = true
  end
  local count = 0
  while ARGV[at] do
    count = count + 1
    redis.call('HSET', account, 'device_id:' .. count, ARGV[at],
      'device_key:' .. count, ARGV[at + 1], 'route:' .. count, ARGV[at + 2])
    if not before[ARGV[at]] then
      redis.call('HSET', account, 'number:' .. ARGV[at], redis.call('HINCRBY', account, 'numbers', 1))
    end
    before[ARGV[at]] = nil
    at = at + 3
  end
  for position = count + 1, device_count() do
    redis.call('HDEL', account, 'device_id:' .. position, 'device_key:' .. position, 'route:' .. position)
  end
  redis.call('HSET', account, 'devices', count)
  return before
end

local function write_list(version, head, record)
  redis.call('HSET', account, 'version', version, 'head', head, 'record', record)
  redis.call('HSET', lists, version, struct.pack('>I4', #head) .. head .. record)
end
