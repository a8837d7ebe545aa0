-- Registers a worker's heartbeat and forgets workers that sent none for long.
--
-- KEYS[1] times of the last heartbeats
-- KEYS[2] reports
-- ARGV[1] instance of the worker
-- ARGV[2] its report
-- ARGV[3] ms after which a worker is forgotten
-- Answers nothing.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])) do
  redis.call('ZREM', KEYS[1], gone)
  redis.call('HDEL', KEYS[2], gone)
end
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
