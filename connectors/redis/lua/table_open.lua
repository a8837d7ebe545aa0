-- Ends a restore and sets the time from which others may trust the partition, as long as this server has it.
--
-- KEYS[1] position
-- ARGV[1] epoch
-- ARGV[2] that time in ms
-- Answers 'ok', 'lost' or 'fenced'.
-- include: master_id.lua
local at = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if not at[2] then return 'lost' end
if tonumber(at[1]) ~= tonumber(ARGV[1]) then return 'fenced' end
redis.call('HSET', KEYS[1], 'open_at', ARGV[2], 'master', master_id())
redis.call('HDEL', KEYS[1], 'restoring')
return 'ok'
