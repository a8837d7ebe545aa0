-- Corrects what a call took by what it used, frees its place, and keeps what its provider said of the limits.
--
-- KEYS[1] prefix of all keys of quotas
-- ARGV[1] now in ms, empty for the server's clock
-- ARGV[2] length of a minute in ms
-- ARGV[3] length of a day in ms
-- ARGV[4] call
-- ARGV[5] number of scopes
-- ARGV[6..] each scope: its key, ms for which its provider pauses, the number of its limits, and of each: field, window,
-- limit (0: as learned), units used more than taken, limit as seen (0: not seen), units to pause for
-- Answers nothing.
-- include: quota_now.lua
-- include: quota_room.lua
local now = quota_now(ARGV[1])
local minute, day, arg = tonumber(ARGV[2]), tonumber(ARGV[3]), 6
for _ = 1, tonumber(ARGV[5]) do
  local key, pause, count = KEYS[1] .. ':' .. ARGV[arg], tonumber(ARGV[arg + 1]), tonumber(ARGV[arg + 2])
  local puts = {}
  local function put(field, value)
    puts[#puts + 1] = field
    puts[#puts + 1] = value
  end
  arg = arg + 3
  for _ = 1, count do
    local field, window, most, more, seen, debt = unpack(ARGV, arg, arg + 5)
    most, more, seen, debt = tonumber(most), tonumber(more), tonumber(seen), tonumber(debt)
    arg = arg + 6
    local state = redis.call('HMGET', key, field, 'limit:' .. field)
    local learned = tonumber(state[2] or 0)
    if seen > 0 and seen ~= learned then
      learned = seen
      put('limit:' .. field, seen)
    end
    if learned > 0 and (most == 0 or learned < most) then most = learned end
    if window == 'call' then
      redis.call('ZREM', key .. ':busy', ARGV[4])
    elseif window == 'day' and more ~= 0 then
      local _, used = quota_room(window, state[1], most, 0, more, now, minute, day)
      put(field, used)
    elseif window == 'minute' and most > 0 and (more ~= 0 or debt > 0) then
      local _, each = quota_pace(most, minute)
      local paced = tonumber(state[1] or 0) + more * each
      put(field, string.format('%.3f', math.max(paced, debt > 0 and now + debt * each or 0)))
    end
  end
  if pause > 0 and now + pause > tonumber(redis.call('HGET', key, 'until') or 0) then
    put('until', string.format('%.3f', now + pause))
  end
  if #puts > 0 then
    redis.call('HSET', key, unpack(puts))
    redis.call('PEXPIRE', key, day * 2)
  end
end
