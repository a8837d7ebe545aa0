-- Settles which id the run of a submission has, when topics of runs have grown since its first id was the only one.
--
-- KEYS[1] marker of the first id
-- KEYS[2] the id that was chosen instead
-- ARGV[1] an id that may be chosen
-- ARGV[2] ms after which the choice expires
-- Answers the id that was chosen, or nothing when the first id is in use.
if redis.call('EXISTS', KEYS[1]) == 1 then return false end
redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2])
return redis.call('GET', KEYS[2])
