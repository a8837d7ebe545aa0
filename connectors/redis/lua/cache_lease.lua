-- Renews the lease of a flight, or gives it back.
--
-- KEYS[1] lease of the flight
-- ARGV[1] who has it
-- ARGV[2] ms of a lease; 0 gives it back
-- Answers 1, or 0 when another one has it or nobody.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
if ARGV[2] == '0' then
  redis.call('DEL', KEYS[1])
else
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return 1
