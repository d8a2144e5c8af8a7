-- How many one-time records the device has; -1 no such device.
local stock = redis.call('HEXISTS', account, 'deleting') == 0 and stock_of(ARGV[1])
return stock and left(stock, tonumber(ARGV[2])) or -1
