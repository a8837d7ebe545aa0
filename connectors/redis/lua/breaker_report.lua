-- Reports how a call of a route ended. The breaker opens by failures in a row, or by their share in a window; a call that
-- worked after the open time closes it, a failed one opens it again. Reports while it is open are of earlier calls.
--
-- KEYS[1] breaker
-- ARGV[1] 1 for a failure, 0 for a call that worked
-- ARGV[2] length of a window in ms
-- ARGV[3] fewest calls of a window that decide
-- ARGV[4] share of failures that opens it
-- ARGV[5] failures in a row that open it
-- ARGV[6] ms for which it stays open
-- Answers 'closed' or 'open'.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local failed = ARGV[1] == '1'
local b = redis.call('HMGET', KEYS[1], 'until', 'window', 'calls', 'failures', 'row')
local opened = b[1] and tonumber(b[1])
if opened and opened > now then return 'open' end
if opened and not failed then
  redis.call('DEL', KEYS[1])
  return 'closed'
end
local calls, failures = tonumber(b[3] or 0), tonumber(b[4] or 0)
local window = tonumber(b[2] or 0)
if now - window >= tonumber(ARGV[2]) then
  window, calls, failures = now, 0, 0
end
calls = calls + 1
local row = 0
if failed then
  failures = failures + 1
  row = tonumber(b[5] or 0) + 1
end
redis.call('HSET', KEYS[1], 'window', window, 'calls', calls, 'failures', failures, 'row', row)
redis.call('PEXPIRE', KEYS[1], math.max(ARGV[2], ARGV[6]) * 10)
local share = calls >= tonumber(ARGV[3]) and failures / calls >= tonumber(ARGV[4])
if not (opened or share or row >= tonumber(ARGV[5])) then return 'closed' end
redis.call('HSET', KEYS[1], 'until', now + ARGV[6], 'window', 0, 'row', 0)
redis.call('HDEL', KEYS[1], 'probe_until')
return 'open'
