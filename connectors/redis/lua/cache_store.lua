-- Ends a flight with its answer. Room is made by removing what was used least recently: of the space, of the
-- organisation, then of all. Nothing is stored that would pass a bound, or that was asked for before a purge.
--
-- KEYS[1] entry
-- KEYS[2] lease of the flight
-- KEYS[3] counts of the organisation
-- ARGV[1] prefix
-- ARGV[2] organisation
-- ARGV[3] digest
-- ARGV[4] who has the lease
-- ARGV[5] when it was taken, in ms
-- ARGV[6] body
-- ARGV[7] ms for which it is fresh
-- ARGV[8] ms for which it may be used
-- ARGV[9] what a hit saves, in nano-dollars
-- ARGV[10] scopes, a line each; those with # are not counted
-- ARGV[11] space, or nothing
-- ARGV[12] most bytes of the space
-- ARGV[13] most bytes of the organisation
-- ARGV[14] most bytes of all
-- ARGV[15] partition of texts that may be compared, or nothing
-- ARGV[16] text of the entry
-- ARGV[17] its vector
-- ARGV[18] most texts of a partition
-- Answers 'stored', 'purged' or 'full'.
-- include: cache_drop.lua
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local prefix, org, space = ARGV[1], ARGV[2], ARGV[11]
local member = org .. '|' .. ARGV[3]
local bytes = prefix .. ':bytes'
if redis.call('GET', KEYS[2]) == ARGV[4] then redis.call('DEL', KEYS[2]) end
local purged = redis.call('GET', prefix .. ':purged:' .. org)
if purged and tonumber(purged) >= tonumber(ARGV[5]) then return 'purged' end

-- What Redis needs beside the texts: the hash, four sorted sets' members, their scores, and an eighth for the classes of
-- sizes of its allocator. Measured by used_memory.
local size = math.ceil(#ARGV[6] * 1.125) + #ARGV[10] + 5 * #member + 2 * #space + 700
local partition, near = ARGV[15], prefix .. ':near:' .. org .. '|' .. ARGV[15]
if partition ~= '' then size = size + #ARGV[16] + #ARGV[17] + #member + 300 end
local removed = 0
cache_expire(prefix, now)
cache_drop(prefix, member)

local function has_room(field, lru, most)
  if size > most then return false end
  while tonumber(redis.call('HGET', bytes, field) or 0) + size > most do
    local oldest = redis.call('ZRANGE', lru, 0, 0)[1]
    if not oldest or removed >= 1000 then return false end
    cache_drop(prefix, oldest)
    removed = removed + 1
  end
  return true
end

if space ~= '' and not has_room('s:' .. space, prefix .. ':lru:s:' .. space, tonumber(ARGV[12])) then return 'full' end
if not has_room('o:' .. org, prefix .. ':lru:o:' .. org, tonumber(ARGV[13])) then return 'full' end
if not has_room('all', prefix .. ':lru', tonumber(ARGV[14])) then return 'full' end

redis.call('HSET', KEYS[1], 'body', ARGV[6], 'at', now, 'fresh', now + ARGV[7], 'until', now + ARGV[8],
  'saved', ARGV[9], 'size', size, 'org', org, 'space', space, 'scopes', ARGV[10])
local used = string.format('%.0f', now * 1000 + time[2] % 1000)
redis.call('ZADD', prefix .. ':until', now + ARGV[8], member)
redis.call('ZADD', prefix .. ':lru', used, member)
redis.call('ZADD', prefix .. ':lru:o:' .. org, used, member)
redis.call('HINCRBY', bytes, 'all', size)
redis.call('HINCRBY', bytes, 'o:' .. org, size)
if space ~= '' then
  redis.call('ZADD', prefix .. ':lru:s:' .. space, used, member)
  redis.call('HINCRBY', bytes, 's:' .. space, size)
end
if partition ~= '' then
  redis.call('HSET', KEYS[1], 'partition', partition, 'text', ARGV[16], 'vector', ARGV[17])
  redis.call('ZADD', near, used, member)
  while redis.call('ZCARD', near) > tonumber(ARGV[18]) do cache_drop(prefix, redis.call('ZRANGE', near, 0, 0)[1]) end
end
for scope in string.gmatch(ARGV[10], '[^\n]+') do
  if string.sub(scope, 1, 1) ~= '#' then
    redis.call('HINCRBY', KEYS[3], scope .. '|bytes', size)
    redis.call('HINCRBY', KEYS[3], scope .. '|entries', 1)
  end
end
return 'stored'
