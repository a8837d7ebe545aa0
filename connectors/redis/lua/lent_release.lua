-- Returns an attempt of a user's worker without an outcome. It does not count as a start.
--
-- KEYS[1] claim
-- ARGV[1] secret of the lease
-- ARGV[2] topic that the request must be of
-- Answers 1, or 0 when the lease was lost.
-- include: is_lessee.lua
local c = redis.call('HMGET', KEYS[1], 'state', 'owner', 'topic')
if c[1] ~= 'running' or not is_lessee(c[2], ARGV[1]) or c[3] ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[1], 'owner', '', 'until', 0)
redis.call('HDEL', KEYS[1], 'request')
redis.call('HINCRBY', KEYS[1], 'starts', -1)
return 1
