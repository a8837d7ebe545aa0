-- Answers whether a call is settled. Its entry in the table begins with a bracket then; of a call in flight it is an
-- object.
local function is_settled(key)
  local settlement = redis.call('HGET', key, 'settlement')
  return settlement and string.sub(settlement, 1, 1) == '['
end
