-- Admits a call to a route: always while its breaker is closed, and one probe at a time once it is half open.
--
-- KEYS[1] breaker
-- ARGV[1] ms after which a probe that reported nothing is given up
-- Answers {'closed'}, {'probe'} or {'open', ms until a probe may be sent}.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local b = redis.call('HMGET', KEYS[1], 'until', 'probe_until')
if not b[1] then return {'closed'} end
local wait = math.max(tonumber(b[1]), tonumber(b[2] or 0)) - now
if wait > 0 then return {'open', wait} end
redis.call('HSET', KEYS[1], 'probe_until', now + ARGV[1])
return {'probe'}
