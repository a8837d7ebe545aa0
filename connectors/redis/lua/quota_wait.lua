-- Answers for each scope how long a call would wait for room there, alone. Nothing is taken or changed, and queues are not
-- looked at.
--
-- KEYS[1] prefix of all keys of quotas
-- ARGV[1] now in ms, empty for the server's clock
-- ARGV[2] length of a minute in ms
-- ARGV[3] length of a day in ms
-- ARGV[4] number of scopes
-- ARGV[5..] each scope: its key, the number of its limits, and of each: field, window, limit (0: as learned), cost
-- Answers {ms, number of the limit (0: its provider pauses), limit} of each scope; -1 ms for a call that can never fit.
-- include: quota_now.lua
-- include: quota_room.lua
local PLACE_MS = 100
local now = quota_now(ARGV[1])
local minute, day = tonumber(ARGV[2]), tonumber(ARGV[3])
local found, arg = {}, 5
for i = 1, tonumber(ARGV[4]) do
  local key, count = KEYS[1] .. ':' .. ARGV[arg], tonumber(ARGV[arg + 1])
  arg = arg + 2
  local paused = tonumber(redis.call('HGET', key, 'until') or 0)
  local wait, number, most_then = math.max(0, paused - now), 0, 0
  for j = 1, count do
    local field, window, most, cost = ARGV[arg], ARGV[arg + 1], tonumber(ARGV[arg + 2]), tonumber(ARGV[arg + 3])
    arg = arg + 4
    local state = redis.call('HMGET', key, field, 'limit:' .. field)
    local learned = tonumber(state[2] or 0)
    if learned > 0 and (most == 0 or learned < most) then most = learned end
    local ms = 0
    if window == 'call' then
      if redis.call('ZCOUNT', key .. ':busy', '(' .. now, '+inf') >= most then ms = PLACE_MS end
    elseif most > 0 then
      -- Of a limit that is not used up, room was there before now.
      ms = cost > most and -1 or math.max(0, quota_room(window, state[1], most, 0, cost, now, minute, day) - now)
    end
    if wait >= 0 and (ms < 0 or ms > wait) then wait, number, most_then = ms, j, most end
  end
  found[i] = {math.ceil(wait), number, most_then}
end
return found
