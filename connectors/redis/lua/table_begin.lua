-- Sets the position from which a partition is restored. It stays closed until the restore ends.
--
-- KEYS[1] position
-- ARGV[1] epoch
-- ARGV[2] incarnation
-- ARGV[3] offset
-- ARGV[4] clock in ms
-- Answers 'ok', 'lost' or 'fenced'.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return 'lost' end
if tonumber(epoch) ~= tonumber(ARGV[1]) then return 'fenced' end
redis.call('HSET', KEYS[1], 'incarnation', ARGV[2], 'offset', ARGV[3], 'clock', ARGV[4], 'restoring', 1)
redis.call('HDEL', KEYS[1], 'open_at')
return 'ok'
