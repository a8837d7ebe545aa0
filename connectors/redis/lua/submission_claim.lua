-- Marks a submission as pending, unless it has a marker.
--
-- KEYS[1] marker
-- KEYS[2] the id that was chosen instead of this one, if topics of runs have grown
-- ARGV[1] hash of the body
-- ARGV[2] ms after which the marker expires
-- Answers nothing for a new marker, else {hash, receipt} of the one that is there, or {other id} if that was chosen.
local chosen = KEYS[2] and redis.call('GET', KEYS[2])
if chosen then return {chosen} end
if redis.call('HSETNX', KEYS[1], 'hash', ARGV[1]) == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return false
end
return redis.call('HMGET', KEYS[1], 'hash', 'receipt')
