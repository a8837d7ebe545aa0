-- Says where a partition stands. Opens it to others again when another server than the one that opened it has it now, if
-- it has all that the caller has committed.
--
-- KEYS[1] position
-- ARGV[1] epoch
-- ARGV[2] offset up to which the caller has committed; empty if it cannot vouch for more than the table says
-- ARGV[3] ms for which such a partition stays closed still
-- Answers {offset}, {'lost'} or {'fenced'}.
-- include: master_id.lua
local at = redis.call('HMGET', KEYS[1], 'epoch', 'offset', 'open_at', 'master')
if not at[2] then return {'lost'} end
if tonumber(at[1]) ~= tonumber(ARGV[1]) then return {'fenced'} end
if ARGV[2] ~= '' and at[3] and tonumber(at[2]) >= tonumber(ARGV[2]) then
  local master = master_id()
  if not at[4] then
    redis.call('HSET', KEYS[1], 'master', master)
  elseif at[4] ~= master then
    local time = redis.call('TIME')
    local opens = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[3])
    redis.call('HSET', KEYS[1], 'master', master, 'open_at', string.format('%d', math.max(opens, tonumber(at[3]))))
  end
end
return {at[2]}
