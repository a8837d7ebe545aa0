-- Lists the queues of which leases were requested lately, and forgets the others.
--
-- KEYS[1] queues by the time in ms of their last request
-- ARGV[1] ms since the last request after which a queue is forgotten
-- Answers the topics.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', '(' .. (now - ARGV[1]))
return redis.call('ZRANGE', KEYS[1], 0, -1)
