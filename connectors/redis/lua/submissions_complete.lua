-- Notes that the submission markers are complete, unless Redis lost them since the generation began.
--
-- KEYS[1] generation of the markers
-- KEYS[2] exists while history keeps up
-- ARGV[1] id of the generation
-- ARGV[2] ms after which this must be noted again
-- Answers 1, or 0 for another generation.
if redis.call('HGET', KEYS[1], 'id') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'complete', '1')
redis.call('SET', KEYS[2], '1', 'PX', ARGV[2])
return 1
