-- Takes one request from a rate by the generic cell rate algorithm: one number says when the next one is due.
--
-- KEYS[1] rate of one key
-- ARGV[1] ms between two requests
-- ARGV[2] ms that requests may come early: what may be used at once
-- Answers the ms to wait, 0 when the request was taken.
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
local wait = due - now - ARGV[2]
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], string.format('%.3f', due + ARGV[1]), 'PX', math.ceil(due + ARGV[1] - now))
return 0
