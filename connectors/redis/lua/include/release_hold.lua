-- Subtracts a hold from the held amounts of its organisation, if it is there. Answers 1 when it was, else 0.
-- Amounts stay strings for HINCRBY, which is exact over 64 bits. A field at zero leaves the hash, so that windows of the
-- past do not pile up.
local function release_hold(prefix, org, call)
  local hold = prefix .. ':hold:' .. call
  local found = redis.call('HMGET', hold, 'amount', 'fields')
  redis.call('ZREM', prefix .. ':timers', 'hold\31' .. call)
  if not found[1] then return 0 end
  local held = prefix .. ':held:' .. org
  if found[1] ~= '0' then
    for field in string.gmatch(found[2], '[^\31]+') do
      if redis.call('HINCRBY', held, field, '-' .. found[1]) <= 0 then redis.call('HDEL', held, field) end
    end
  end
  redis.call('DEL', hold)
  return 1
end
