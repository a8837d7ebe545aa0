-- Takes over a partition: raises its epoch past the milliseconds of the store's own clock. An epoch from before a flush
-- is then never given again, and its owner stays fenced. A table of another log, or one whose restore did not end, has
-- no position and is closed at once: nobody may trust it while it is rebuilt.
--
-- KEYS[1] position
-- ARGV[1] incarnation: the identity of the log
-- Answers {epoch, offset, clock}, {epoch, incarnation} when the stored log is another one, or {epoch}.
local time = redis.call('TIME')
local now_us = tonumber(time[1]) * 1000000 + tonumber(time[2])
local epoch = math.max(tonumber(redis.call('HGET', KEYS[1], 'epoch') or '0') + 1, now_us)
redis.call('HSET', KEYS[1], 'epoch', string.format('%d', epoch))
local at = redis.call('HMGET', KEYS[1], 'incarnation', 'offset', 'clock', 'restoring')
if at[1] == ARGV[1] and at[2] and not at[4] then return {epoch, at[2], at[3]} end
redis.call('HDEL', KEYS[1], 'offset', 'open_at')
if at[1] and at[1] ~= ARGV[1] then return {epoch, at[1]} end
return {epoch}
