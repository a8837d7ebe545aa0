-- Writes a hold: a hash with a timer, and its amount under each of its spend fields among the held amounts of its
-- organisation. `hold` is, in the order of `HoldEntry`: amount, org, call, expiry, booked at, presumed record, fields.
-- All are text; fields are joined by the unit separator, which no name contains.
local function put_hold(prefix, hold)
  local amount, org, call, expiry = hold[1], hold[2], hold[3], hold[4]
  local held = prefix .. ':held:' .. org
  if amount ~= '0' then
    for field in string.gmatch(hold[7], '[^\31]+') do redis.call('HINCRBY', held, field, amount) end
  end
  redis.call('HSET', prefix .. ':hold:' .. call, 'amount', amount, 'org', org, 'booked_at', hold[5],
    'presumed', hold[6], 'fields', hold[7], 'logged', '1')
  redis.call('ZADD', prefix .. ':timers', expiry, 'hold\31' .. call)
end
