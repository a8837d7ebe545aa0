-- Commits the changes of one chunk of the log: validates the position first and writes the offset last.
--
-- KEYS[1] position
-- ARGV[1] prefix of the partition's keys
-- ARGV[2] epoch
-- ARGV[3] expected offset
-- ARGV[4] new offset
-- ARGV[5] new clock in ms
-- ARGV[6] MessagePack of the changes: puts, drops, expire, arm, disarm, holds, releases, counters, exemplars
-- Answers 'ok', 'already' for a repeat of this commit, 'lost' or 'fenced'.
-- include: put_hold.lua
-- include: release_hold.lua
local prefix = ARGV[1]
local at = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if not at[2] then return 'lost' end
if tonumber(at[1]) ~= tonumber(ARGV[2]) then return 'fenced' end
local stored = tonumber(at[2])
if stored == tonumber(ARGV[4]) and stored ~= tonumber(ARGV[3]) then return 'already' end
if stored ~= tonumber(ARGV[3]) then return 'lost' end
local c = cmsgpack.unpack(ARGV[6])
local timers, counters = prefix .. ':timers', prefix .. ':counters'
for _, put in ipairs(c.puts) do redis.call('HSET', prefix .. ':e:' .. put[1], unpack(put[2])) end
for entity, names in pairs(c.drops) do
  -- `unpack` puts its values on a stack of about 8,000.
  for i = 1, #names, 2000 do
    redis.call('HDEL', prefix .. ':e:' .. entity, unpack(names, i, math.min(i + 1999, #names)))
  end
end
for entity, ms in pairs(c.expire) do redis.call('PEXPIREAT', prefix .. ':e:' .. entity, ms) end
for _, member in ipairs(c.disarm) do redis.call('ZREM', timers, member) end
for member, due in pairs(c.arm) do redis.call('ZADD', timers, due, member) end
for _, h in ipairs(c.holds) do
  if redis.call('EXISTS', prefix .. ':hold:' .. h[3]) == 0 then put_hold(prefix, h) end
end
for _, r in ipairs(c.releases) do release_hold(prefix, r[1], r[2]) end
for name, amount in pairs(c.counters) do redis.call('HINCRBYFLOAT', counters, name, amount) end
for name, text in pairs(c.exemplars) do redis.call('HSET', prefix .. ':exemplars', name, text) end
redis.call('HSET', KEYS[1], 'clock', ARGV[5], 'offset', ARGV[4])
return 'ok'
