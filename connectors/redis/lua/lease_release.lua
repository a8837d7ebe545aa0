-- Returns an attempt without an outcome. It does not count as a start.
--
-- KEYS[1] lease
-- ARGV[1] owner
-- Answers 1, or 0 when the attempt is not the owner's.
local c = redis.call('HMGET', KEYS[1], 'state', 'owner')
if c[1] ~= 'running' or c[2] ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'owner', '', 'until', 0)
redis.call('HINCRBY', KEYS[1], 'starts', -1)
return 1
