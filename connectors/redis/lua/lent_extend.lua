-- Extends a lease of a user's worker, and stores its progress.
--
-- KEYS[1] claim
-- KEYS[2] run
-- ARGV[1] secret of the lease
-- ARGV[2] topic that the request must be of
-- ARGV[3] ms after which the claim is forgotten
-- ARGV[4] progress, empty for none
-- ARGV[5] entry of the run that holds its status
-- ARGV[6..] terminal states of a run
-- Answers {'extended', length of the lease in ms}, {'ended', status of the run}, {'completed'} or {'lost'}.
-- include: is_lessee.lua
local c = redis.call('HMGET', KEYS[1], 'state', 'owner', 'topic', 'after', 'lease_ms')
if not is_lessee(c[2], ARGV[1]) or c[3] ~= ARGV[2] then return {'lost'} end
if c[1] ~= 'running' then return {'completed'} end
if ARGV[4] ~= '' then redis.call('HSET', KEYS[1], 'progress', ARGV[4]) end
local status = redis.call('HGET', KEYS[2], ARGV[5])
for i = 6, #ARGV do
  if status == ARGV[i] and c[4] ~= '1' then return {'ended', status} end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'until', now + c[5])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'extended', tonumber(c[5])}
