-- Takes the lease of an attempt, unless it is taken, has an outcome, or its run is over.
--
-- KEYS[1] lease
-- KEYS[2] run
-- KEYS[3] position of the run's partition
-- ARGV[1] owner
-- ARGV[2] length of the lease in ms
-- ARGV[3] ms after which the lease is forgotten
-- ARGV[4] entry of the run that holds its status
-- ARGV[5..] terminal states of a run; none for a step that runs because its run has ended
-- Answers {'granted', starts, calls, time in ms at which the lease was made}, {'busy', owner, ms left}, {'done', result},
-- {'published'}, {'ended', status of the run} or {'unknown'}: the table is lost or being restored, and nobody knows.
local c = redis.call('HMGET', KEYS[1], 'state', 'owner', 'until', 'result')
if c[1] == 'published' then return {'published'} end
if c[1] == 'done' then return {'done', c[4]} end
local status = redis.call('HGET', KEYS[2], ARGV[4])
for i = 5, #ARGV do
  if status == ARGV[i] then return {'ended', status} end
end
-- A claim that is not here may have been lost with the table, whose run may be over.
local at = redis.call('HMGET', KEYS[3], 'offset', 'restoring')
if not at[1] or at[2] then return {'unknown'} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if c[1] and c[2] ~= '' and tonumber(c[3]) > now then return {'busy', c[2], tonumber(c[3]) - now} end
redis.call('HSETNX', KEYS[1], 'made', now)
redis.call('HSET', KEYS[1], 'state', 'running', 'owner', ARGV[1], 'until', now + ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return {'granted', redis.call('HINCRBY', KEYS[1], 'starts', 1), redis.call('HINCRBY', KEYS[1], 'calls', 1),
  redis.call('HGET', KEYS[1], 'made')}
