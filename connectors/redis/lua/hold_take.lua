-- Holds money for a call, if each of its budgets has room.
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
-- ARGV[11..] of each budget: spend field or counter, first and last start that count (empty for a spend field), field
--   of what is held, limit. The cap of a run is one whose spend field is the entity of the cap, `run=<id>`
-- Answers {'held', booked at, amount, fields}, {'settled'}, {'refused', number of the budget, spent, held} (spent as it
-- is stored), {'undefined', number of a budget whose counter is not there yet} or {'rebuilding', time in ms at which the
-- partition opens, if that is known}.
-- include: master_id.lua
-- include: has_room.lua
-- include: put_hold.lua
-- include: is_settled.lua
-- include: extend_hold.lua
local opened = redis.call('HMGET', KEYS[1], 'open_at', 'master')
local open_at = opened[1]
if not open_at then return {'rebuilding'} end
-- A replica that took over may lack what was spent and held: it is closed until the owner has looked.
if opened[2] and opened[2] ~= master_id() then return {'rebuilding'} end
if tonumber(open_at) > tonumber(ARGV[2]) then return {'rebuilding', open_at} end
if is_settled(KEYS[2]) then return {'settled'} end
local found = redis.call('HMGET', KEYS[3], 'booked_at', 'amount', 'fields')
if found[1] then
  extend_hold(ARGV[1], ARGV[6], ARGV[7])
  return {'held', found[1], found[2], found[3]}
end
for i = 1, tonumber(ARGV[3]) do
  local entry, first, last, held_in, limit = unpack(ARGV, 6 + 5 * i, 10 + 5 * i)
  local spent
  if string.sub(entry, 1, 4) == 'run=' then
    spent = redis.call('HGET', ARGV[1] .. ':e:' .. entry, 'spent')
  else
    spent = redis.call('HGET', KEYS[4], entry)
  end
  if not spent and first ~= '' then return {'undefined', i} end
  spent = spent or '0'
  local held = redis.call('HGET', KEYS[5], held_in) or '0'
  if not has_room(spent, first, last, held, ARGV[4], limit) then return {'refused', i, spent, held} end
end
put_hold(ARGV[1], {unpack(ARGV, 4, 10)})
return {'held', ARGV[8], ARGV[4], ARGV[10]}
