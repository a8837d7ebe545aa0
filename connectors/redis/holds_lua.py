"""The Lua of holds: each script is one atomic step in the slot of an organisation's money.

A hold is a hash ``{budgets:p}:hold:<call>`` with a timer; its amount is in ``{budgets:p}:held:<org>`` under each of its
spend fields. Fields are joined by the unit separator, which no name contains.
"""

# "If the hold was there, subtract." A field at zero leaves the hash, so windows of the past do not pile up.
# Amounts stay strings for HINCRBY, which is exact over 64 bits. Answers 1 when there was a hold, else 0.
RELEASE_LUA = """
local function release_hold(prefix, org, call)
  local hold = prefix .. ':hold:' .. call
  local kept = redis.call('HMGET', hold, 'amount', 'fields')
  redis.call('ZREM', prefix .. ':timers', 'hold\\31' .. call)
  if not kept[1] then return 0 end
  local held = prefix .. ':held:' .. org
  if kept[1] ~= '0' then
    for field in string.gmatch(kept[2], '[^\\31]+') do
      if redis.call('HINCRBY', held, field, '-' .. kept[1]) <= 0 then redis.call('HDEL', held, field) end
    end
  end
  redis.call('DEL', hold)
  return 1
end
"""

# `hold` is, in the order of ``HoldEntry``: amount, org, call, expiry, booked at, presumed record, fields. All are text.
PUT_LUA = """
local function put_hold(prefix, hold)
  local amount, org, call, expiry = hold[1], hold[2], hold[3], hold[4]
  local held = prefix .. ':held:' .. org
  if amount ~= '0' then
    for field in string.gmatch(hold[7], '[^\\31]+') do redis.call('HINCRBY', held, field, amount) end
  end
  redis.call('HSET', prefix .. ':hold:' .. call, 'amount', amount, 'org', org, 'booked_at', hold[5],
    'presumed', hold[6], 'fields', hold[7], 'logged', '1')
  redis.call('ZADD', prefix .. ':timers', expiry, 'hold\\31' .. call)
end
"""

# What a call's entity says of its settlement begins with a bracket; of one under way it is an object.
_SETTLED_LUA = """
local function is_settled(key)
  local said = redis.call('HGET', key, 'settlement')
  return said and string.sub(said, 1, 1) == '['
end
"""

_EXTEND_LUA = """
local function extend_hold(prefix, first)
  redis.call('ZADD', prefix .. ':timers', 'GT', ARGV[first + 3], 'hold\\31' .. ARGV[first + 2])
end
"""

# KEYS: position, settled, hold, spent, held. ARGV: prefix, now, number of budgets, the hold (7), then field
# and limit of each budget. All sums stay below 2^53 or are over every limit, so doubles decide as integers
# would.
HOLD = (
    PUT_LUA
    + _SETTLED_LUA
    + _EXTEND_LUA
    + """
local open_at = redis.call('HGET', KEYS[1], 'open_at')
if not open_at then return {'rebuilding'} end
if tonumber(open_at) > tonumber(ARGV[2]) then return {'rebuilding', open_at} end
if is_settled(KEYS[2]) then return {'settled'} end
local kept = redis.call('HMGET', KEYS[3], 'booked_at', 'amount')
if kept[1] then
  extend_hold(ARGV[1], 4)
  return {'held', kept[1], kept[2]}
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
"""
)

# KEYS: settled, hold. ARGV: prefix, then the hold (7).
REASSERT = (
    PUT_LUA
    + _SETTLED_LUA
    + _EXTEND_LUA
    + """
if is_settled(KEYS[1]) then return 'settled' end
if redis.call('EXISTS', KEYS[2]) == 1 then
  extend_hold(ARGV[1], 2)
else
  put_hold(ARGV[1], {unpack(ARGV, 2, 8)})
end
return 'held'
"""
)

# ARGV: prefix, then call ids. A timer without a hold is an orphan and leaves. A hold whose call is not in the table as
# under way was never made, for the log knows first, or is settled: it is only released. Should the log say later that
# it starts, the fold puts the hold back. Workers of before that rule left no `logged`: nobody knows of their calls.
EXPIRE = (
    RELEASE_LUA
    + """
local out = {}
for i = 2, #ARGV do
  local hold = ARGV[1] .. ':hold:' .. ARGV[i]
  local kept = redis.call('HMGET', hold, 'org', 'presumed', 'logged')
  local said = redis.call('HGET', ARGV[1] .. ':e:settled:' .. ARGV[i], 'settlement')
  local open = said and string.sub(said, 1, 1) == '{'
  if kept[1] and (open or not (said or kept[3])) then
    out[#out + 1] = kept[1]
    out[#out + 1] = kept[2]
  else
    release_hold(ARGV[1], kept[1] or '', ARGV[i])
  end
end
return out
"""
)
