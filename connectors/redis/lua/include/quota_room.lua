-- The pace of a limit per minute: how many units may come at once, and the ms that each takes. As many as may come at
-- once are left out of the rate, so that no window of a minute has more than the limit, wherever it begins.
local function quota_pace(limit, minute)
  local burst = math.max(1, limit / 100)
  return burst, minute / ((limit - burst + 1) * 0.998)
end

-- Answers when `cost` units fit that come after `ahead` units of others, and the state of the limit with them. The state
-- of a minute is the time at which all taken units have been paced (GCRA), of a day its number and what it has used.
local function quota_room(window, state, limit, ahead, cost, now, minute, day)
  if window == 'day' then
    local today = math.floor(now / day)
    local of, used = string.match(state or '', '^(%d+):(%d+)$')
    used = tonumber(of) == today and tonumber(used) or 0
    local fits = used + ahead + cost <= limit
    return fits and now or (today + 1) * day, string.format('%d:%d', today, math.max(0, used + cost))
  end
  local burst, each = quota_pace(limit, minute)
  local paced = math.max(tonumber(state or 0), now)
  return paced + (ahead + cost - math.max(burst, cost)) * each, string.format('%.3f', paced + cost * each)
end
