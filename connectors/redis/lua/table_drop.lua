-- Closes a partition and deletes keys of it, if the epoch is still the caller's.
--
-- KEYS[1] position
-- KEYS[2..] keys to delete
-- ARGV[1] epoch
-- Answers 'ok', 'lost' or 'fenced'.
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return 'lost' end
if tonumber(epoch) ~= tonumber(ARGV[1]) then return 'fenced' end
redis.call('HDEL', KEYS[1], 'offset', 'open_at')
for i = 2, #KEYS do redis.call('UNLINK', KEYS[i]) end
return 'ok'
