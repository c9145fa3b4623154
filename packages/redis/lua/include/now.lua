-- The server's clock in ms, the same for the whole script. ARGV[1] moves it on in tests.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) + tonumber(ARGV[1])
