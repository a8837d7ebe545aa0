-- Reads the presumed settlements of expired holds; releases the holds of calls that are not in flight.
--
-- KEYS[1] timers: the key that routes the script to its slot
-- ARGV[1] prefix of the partition's keys
-- ARGV[2..] ids of calls
-- Answers {organisation, presumed record ...}.
-- include: release_hold.lua
local out = {}
for i = 2, #ARGV do
  local hold = ARGV[1] .. ':hold:' .. ARGV[i]
  local found = redis.call('HMGET', hold, 'org', 'presumed', 'logged')
  local settlement = redis.call('HGET', ARGV[1] .. ':e:settled:' .. ARGV[i], 'settlement')
  local open = settlement and string.sub(settlement, 1, 1) == '{'
  -- The log is the first to know a call. So one that the table does not know as started was never made, or is settled,
  -- and its hold is only released; should the log still tell of a start, the fold puts the hold back. Older workers
  -- wrote no `logged`: of their calls nothing is known. A timer without a hold is an orphan and leaves.
  if found[1] and (open or not (settlement or found[3])) then
    out[#out + 1] = found[1]
    out[#out + 1] = found[2]
  else
    release_hold(ARGV[1], found[1] or '', ARGV[i])
  end
end
return out
