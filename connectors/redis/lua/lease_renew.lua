-- Extends a lease; puts back one that a loss of Redis took.
--
-- KEYS[1] lease
-- ARGV[1] owner
-- ARGV[2] length of the lease in ms
-- ARGV[3] ms after which the lease is forgotten
-- ARGV[4] starts
-- ARGV[5] calls
-- ARGV[6] time in ms at which the lease was made
-- Answers 1, or 0 when the attempt is no longer the owner's.
local c = redis.call('HMGET', KEYS[1], 'state', 'owner')
if c[1] and (c[1] ~= 'running' or c[2] ~= ARGV[1]) then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if not c[1] then
  redis.call('HSET', KEYS[1], 'state', 'running', 'owner', ARGV[1],
    'starts', ARGV[4], 'calls', ARGV[5], 'made', ARGV[6])
end
redis.call('HSET', KEYS[1], 'until', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
