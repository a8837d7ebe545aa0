-- Returns the texts of a partition that were stored after a time, oldest first.
--
-- KEYS[1] texts of the partition by time
-- ARGV[1] prefix
-- ARGV[2] length of the organisation's part of a member
-- ARGV[3] time of the newest known text, in microseconds
-- Answers {digest, time, text, vector, ...}.
local found = {}
local page = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[3], '+inf', 'WITHSCORES')
for n = 1, #page, 2 do
  local e = redis.call('HMGET', ARGV[1] .. ':e:' .. page[n], 'text', 'vector')
  if e[1] then
    found[#found + 1] = string.sub(page[n], tonumber(ARGV[2]) + 1)
    found[#found + 1] = page[n + 1]
    found[#found + 1] = e[1]
    found[#found + 1] = e[2]
  end
end
return found
