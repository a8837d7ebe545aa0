-- Holds money for a call, if each of its budgets has room. All sums stay below 2^53 or are over every limit, so doubles
-- decide as integers would.
--
-- KEYS[1] position
-- KEYS[2] settlement of the call
-- KEYS[3] hold
-- KEYS[4] spent amounts of the organisation
-- KEYS[5] held amounts of the organisation
-- ARGV[1] prefix of the partition's keys
-- ARGV[2] now in ms
-- ARGV[3] number of budgets
-- ARGV[4..10] the hold, in the order of `HoldEntry`
-- ARGV[11..] spend field and limit of each budget
-- Answers {'held', booked at, amount}, {'settled'}, {'refused', number of the budget, spent, held} or
-- {'rebuilding', time in ms at which the partition opens, if that is known}.
-- include: put_hold.lua
-- include: is_settled.lua
-- include: extend_hold.lua
local open_at = redis.call('HGET', KEYS[1], 'open_at')
if not open_at then return {'rebuilding'} end
if tonumber(open_at) > tonumber(ARGV[2]) then return {'rebuilding', open_at} end
if is_settled(KEYS[2]) then return {'settled'} end
local found = redis.call('HMGET', KEYS[3], 'booked_at', 'amount')
if found[1] then
  extend_hold(ARGV[1], ARGV[6], ARGV[7])
  return {'held', found[1], found[2]}
end
local estimate = tonumber(ARGV[4])
for i = 1, tonumber(ARGV[3]) do
  local field, limit = ARGV[9 + 2 * i], tonumber(ARGV[10 + 2 * i])
  local spent = redis.call('HGET', KEYS[4], field) or '0'
  local held = redis.call('HGET', KEYS[5], field) or '0'
  if tonumber(spent) + tonumber(held) + estimate > limit then return {'refused', i, spent, held} end
end
put_hold(ARGV[1], {unpack(ARGV, 4, 10)})
return {'held', ARGV[8], ARGV[4]}
