-- Reads entities for a checkpoint, with the time at which each expires.
--
-- KEYS[1] position
-- KEYS[2..] entities
-- ARGV[1] epoch
-- Answers {offset, now in ms, {fields, ms until it expires, negative if it does not} ...}, {'lost'} or {'fenced'}.
local at = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if not at[2] then return {'lost'} end
if tonumber(at[1]) ~= tonumber(ARGV[1]) then return {'fenced'} end
local time = redis.call('TIME')
local out = {at[2], tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)}
for i = 2, #KEYS do out[i + 1] = {redis.call('HGETALL', KEYS[i]), redis.call('PTTL', KEYS[i])} end
return out
