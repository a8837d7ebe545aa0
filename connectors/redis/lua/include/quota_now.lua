-- Answers the time in ms: as given, else of this server, so that all processes have one clock.
local function quota_now(given)
  if given ~= '' then return tonumber(given) end
  local time = redis.call('TIME')
  return time[1] * 1000 + time[2] / 1000
end
