-- Reads hashes of a partition, if the epoch is still the caller's.
--
-- KEYS[1] position
-- KEYS[2..] entities, or the counters
-- ARGV[1] epoch
-- Answers {offset, fields of each hash ...}, {'lost'} or {'fenced'}.
local at = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if not at[2] then return {'lost'} end
if tonumber(at[1]) ~= tonumber(ARGV[1]) then return {'fenced'} end
local out = {at[2]}
for i = 2, #KEYS do out[i] = redis.call('HGETALL', KEYS[i]) end
return out
