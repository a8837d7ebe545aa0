-- Removes a page of an organisation's entries that have all of the given scopes; none given are all entries. Answers to
-- calls that began before it are not stored.
--
-- KEYS[1] entries of the organisation by last use
-- KEYS[2] time of the last purge
-- ARGV[1] prefix
-- ARGV[2] cursor, 0 at first
-- ARGV[3] ms for which calls may have begun before
-- ARGV[4..] scopes
-- Answers {next cursor, entries removed, bytes removed}; a next cursor of 0 is the end.
-- include: cache_drop.lua
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('SET', KEYS[2], now, 'PX', ARGV[3])

local function is_meant(member)
  local scopes = redis.call('HGET', ARGV[1] .. ':e:' .. member, 'scopes')
  if not scopes then return true end
  for n = 4, #ARGV do
    if not string.find('\n' .. scopes .. '\n', '\n' .. ARGV[n] .. '\n', 1, true) then return false end
  end
  return true
end

local page = redis.call('ZSCAN', KEYS[1], ARGV[2], 'COUNT', 500)
local removed, bytes = 0, 0
for n = 1, #page[2], 2 do
  local member = page[2][n]
  if is_meant(member) then
    bytes = bytes + cache_drop(ARGV[1], member)
    redis.call('ZREM', KEYS[1], member)
    removed = removed + 1
  end
end
return {page[1], removed, bytes}
