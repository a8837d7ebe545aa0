-- Extends the hold of a call that is in flight; puts back one that is gone. Asks no budget.
--
-- KEYS[1] settlement of the call
-- KEYS[2] hold
-- ARGV[1] prefix of the partition's keys
-- ARGV[2..8] the hold, in the order of `HoldEntry`
-- Answers 'held', or 'settled' when there is nothing to hold any more.
-- include: put_hold.lua
-- include: is_settled.lua
-- include: extend_hold.lua
if is_settled(KEYS[1]) then return 'settled' end
if redis.call('EXISTS', KEYS[2]) == 1 then
  extend_hold(ARGV[1], ARGV[4], ARGV[5])
else
  put_hold(ARGV[1], {unpack(ARGV, 2, 8)})
end
return 'held'
