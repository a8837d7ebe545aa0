-- Requests leases of a queue.
--
-- KEYS[1] requests that nobody has answered
-- KEYS[2] queues by the time in ms of their last request
-- KEYS[3] sign of life of the process that waits
-- ARGV[1] topic of the queue
-- ARGV[2] ms after which requests are forgotten
-- ARGV[3] ms that the sign of life lasts
-- ARGV[4] the request, once for each lease
-- ARGV[5] how many leases
-- Answers 1.
local time = redis.call('TIME')
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
redis.call('SET', KEYS[3], '1', 'PX', ARGV[3])
for _ = 1, ARGV[5] do redis.call('RPUSH', KEYS[1], ARGV[4]) end
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return 1
