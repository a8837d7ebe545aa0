-- Removes an entry of the cache with all that is counted of it. `member` is `<org>|<digest>`. Returns the entry's bytes,
-- 0 when there is none.
local function cache_drop(prefix, member)
  local key = prefix .. ':e:' .. member
  local e = redis.call('HMGET', key, 'size', 'org', 'space', 'scopes', 'partition')
  redis.call('ZREM', prefix .. ':until', member)
  redis.call('ZREM', prefix .. ':lru', member)
  if not e[1] then return 0 end
  local size = tonumber(e[1])
  redis.call('DEL', key)
  redis.call('ZREM', prefix .. ':lru:o:' .. e[2], member)
  redis.call('HINCRBY', prefix .. ':bytes', 'all', -size)
  redis.call('HINCRBY', prefix .. ':bytes', 'o:' .. e[2], -size)
  if e[3] ~= '' then
    redis.call('ZREM', prefix .. ':lru:s:' .. e[3], member)
    redis.call('HINCRBY', prefix .. ':bytes', 's:' .. e[3], -size)
  end
  if e[5] then redis.call('ZREM', prefix .. ':near:' .. e[2] .. '|' .. e[5], member) end
  local stats = prefix .. ':stats:' .. e[2]
  for scope in string.gmatch(e[4], '[^\n]+') do
    if string.sub(scope, 1, 1) ~= '#' then
      redis.call('HINCRBY', stats, scope .. '|bytes', -size)
      redis.call('HINCRBY', stats, scope .. '|entries', -1)
    end
  end
  return size
end

-- Removes a few entries whose time is over, so that what is dead leaves without a scan.
local function cache_expire(prefix, now_ms)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', prefix .. ':until', '-inf', now_ms, 'LIMIT', 0, 8)) do
    cache_drop(prefix, member)
  end
end
