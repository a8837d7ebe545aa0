-- Looks for an answer. Without one, or with one that is stale, the first who asks gets the lease of the flight: it makes
-- the call, and the others wait or are answered by the stale one.
--
-- KEYS[1] entry
-- KEYS[2] lease of the flight
-- KEYS[3] counts of the organisation
-- ARGV[1] prefix
-- ARGV[2] organisation
-- ARGV[3] digest
-- ARGV[4] who asks
-- ARGV[5] ms of a lease
-- ARGV[6] how a hit is counted: exact, shared by one that has waited, or semantic, which was counted as a miss before
-- ARGV[7] 1 when the lease may be taken
-- ARGV[8..] scopes that are counted
-- Answers {'fresh' or 'stale', body, saved, age in ms}, {'refresh', body, saved, age in ms, now in ms},
-- {'lead', now in ms}, or {'wait'}.
-- include: cache_drop.lua
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local member = ARGV[2] .. '|' .. ARGV[3]

local function count(what, by)
  for n = 8, #ARGV do redis.call('HINCRBY', KEYS[3], ARGV[n] .. '|' .. what, by) end
end

local function hit(kind, e)
  local used = string.format('%.0f', now * 1000 + time[2] % 1000)
  redis.call('ZADD', ARGV[1] .. ':lru', used, member)
  redis.call('ZADD', ARGV[1] .. ':lru:o:' .. ARGV[2], used, member)
  if e[5] ~= '' then redis.call('ZADD', ARGV[1] .. ':lru:s:' .. e[5], used, member) end
  if e[4] ~= '0' then count('saved_nano', e[4]) end
  count('hits', 1)
  if kind == 'semantic' then count('misses', -1) end
  redis.call('HINCRBY', KEYS[3], 'kind=' .. kind .. '|hits', 1)
end

local function leads()
  if ARGV[7] ~= '1' then return false end
  return redis.call('SET', KEYS[2], ARGV[4], 'NX', 'PX', ARGV[5]) or redis.call('GET', KEYS[2]) == ARGV[4]
end

cache_expire(ARGV[1], now)
local e = redis.call('HMGET', KEYS[1], 'body', 'fresh', 'until', 'saved', 'space', 'at')
if e[1] and tonumber(e[3]) > now then
  local age = now - tonumber(e[6])
  if tonumber(e[2]) > now then
    hit(ARGV[6], e)
    return {'fresh', e[1], e[4], age}
  end
  if leads() then
    count('misses', 1)
    return {'refresh', e[1], e[4], age, now}
  end
  hit(ARGV[6] == 'semantic' and 'semantic' or 'stale', e)
  return {'stale', e[1], e[4], age}
end
if leads() then
  count('misses', 1)
  return {'lead', now}
end
return {'wait'}
