-- Stores the outcome of an attempt.
--
-- KEYS[1] lease
-- ARGV[1] owner
-- ARGV[2] result
-- ARGV[3] ms after which the lease is forgotten
-- Answers 1, or 0 when another owner has the attempt or its outcome is published.
local c = redis.call('HMGET', KEYS[1], 'state', 'owner')
if c[1] and c[2] ~= '' and c[2] ~= ARGV[1] then return 0 end
if c[1] == 'published' then return 0 end
redis.call('HSET', KEYS[1], 'state', 'done', 'owner', ARGV[1], 'result', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
