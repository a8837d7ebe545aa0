-- Stores the outcome of an attempt that a user's worker had leased. Progress stays: the next attempt gets it.
--
-- KEYS[1] claim
-- ARGV[1] secret of the lease
-- ARGV[2] topic that the request must be of
-- ARGV[3] result
-- ARGV[4] ms after which the claim is forgotten
-- Answers 'stored', 'repeated' when this lease stored an outcome before, or 'lost'.
-- include: is_lessee.lua
local c = redis.call('HMGET', KEYS[1], 'state', 'owner', 'topic')
if not is_lessee(c[2], ARGV[1]) or c[3] ~= ARGV[2] then return 'lost' end
if c[1] ~= 'running' then return 'repeated' end
redis.call('HSET', KEYS[1], 'state', 'done', 'result', ARGV[3])
redis.call('HDEL', KEYS[1], 'request')
redis.call('PEXPIRE', KEYS[1], ARGV[4])
return 'stored'
