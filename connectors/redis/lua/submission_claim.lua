-- Marks a submission as pending, unless it has a marker.
--
-- KEYS[1] marker
-- ARGV[1] hash of the body
-- ARGV[2] ms after which the marker expires
-- Answers nothing for a new marker, else {hash, receipt} of the one that is there.
if redis.call('HSETNX', KEYS[1], 'hash', ARGV[1]) == 1 then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
  return false
end
return redis.call('HMGET', KEYS[1], 'hash', 'receipt')
