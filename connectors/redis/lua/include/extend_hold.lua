-- Lets the hold of a call expire no sooner than at `expiry`.
local function extend_hold(prefix, call, expiry)
  redis.call('ZADD', prefix .. ':timers', 'GT', expiry, 'hold\31' .. call)
end
