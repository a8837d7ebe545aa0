-- Takes the room that a call needs of all limits that apply to it, or of none. Where a limit is short, callers take turns
-- (`quota_queue.lua`): room is given only if those before have theirs. A ticket that is not asked again when its turn
-- comes loses it.
--
-- KEYS[1] prefix of all keys of quotas
-- ARGV[1] now in ms, empty for the server's clock
-- ARGV[2] length of a minute in ms
-- ARGV[3] length of a day in ms
-- ARGV[4] longest wait in ms that the caller stays for
-- ARGV[5] ms by which room may be taken ahead of its time
-- ARGV[6] call
-- ARGV[7] ticket
-- ARGV[8] organisation
-- ARGV[9] flow
-- ARGV[10] weight of the flow
-- ARGV[11] ms after which the call has surely ended
-- ARGV[12] number of scopes
-- ARGV[13..] each scope: its key, the number of its limits, and of each: field, window, limit (0: as learned), cost
-- Answers {'go', ms to wait before}, {'wait', ms, number of the scope, of the limit (0: its provider pauses), limit, 1 to
-- come back or 0 to stay} or {'over', number of the scope, of the limit, limit} when the call can never fit.
-- include: quota_now.lua
-- include: quota_room.lua
-- include: quota_queue.lua
local PLACE_MS, GRACE_MS, SHORT_MS = 100, 250, 10000
local now = quota_now(ARGV[1])
local minute, day, patience = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local call, ticket, flow = ARGV[6], ARGV[7], ARGV[9]
local scopes, at, short, arg = {}, now, nil, 13
for i = 1, tonumber(ARGV[12]) do
  local scope = {number = i, key = KEYS[1] .. ':' .. ARGV[arg], limits = {}, costs = {}, most = 0}
  local fields, count = {'until'}, tonumber(ARGV[arg + 1])
  arg = arg + 2
  for j = 1, count do
    local limit = {field = ARGV[arg], window = ARGV[arg + 1], most = tonumber(ARGV[arg + 2]), cost = tonumber(ARGV[arg + 3])}
    scope.limits[j] = limit
    fields[2 * j], fields[2 * j + 1] = limit.field, 'limit:' .. limit.field
    arg = arg + 4
  end
  local state = redis.call('HMGET', scope.key, unpack(fields))
  for j, limit in ipairs(scope.limits) do
    local learned = tonumber(state[2 * j + 1] or 0)
    if learned > 0 and (limit.most == 0 or learned < limit.most) then limit.most = learned end
    limit.state = state[2 * j]
    if limit.most > 0 then
      if limit.cost > limit.most then return {'over', i, j, limit.most} end
      scope.costs[limit.field] = limit.cost
      scope.most = math.max(scope.most, limit.cost / limit.most)
    end
  end
  scope.place = {ahead = {}}
  if redis.call('EXISTS', scope.key .. ':flows') == 1 then
    scope.place = quota_place(scope.key, ticket, flow, ARGV[8], tonumber(ARGV[10]), scope.most, now, patience)
  end
  local function wait_for(time, number, each)
    if time > at then at, short, scope.number_short, scope.each = time, scope, number, each end
  end
  wait_for(tonumber(state[1] or 0), 0, 0)
  for j, limit in ipairs(scope.limits) do
    local ahead, time, each = scope.place.ahead[limit.field] or 0, now, 0
    if limit.window == 'call' then
      redis.call('ZREMRANGEBYSCORE', scope.key .. ':busy', '-inf', now)
      if redis.call('ZCARD', scope.key .. ':busy') + ahead >= limit.most then time = now + PLACE_MS + 1 end
      each = PLACE_MS
    elseif limit.most > 0 then
      time, limit.next = quota_room(limit.window, limit.state, limit.most, ahead, limit.cost, now, minute, day)
      if limit.window == 'minute' then
        local _, of_one = quota_pace(limit.most, minute)
        each = of_one * limit.cost
      end
    end
    wait_for(time, j, each)
  end
  scopes[i] = scope
end

if not short or at <= now + math.min(tonumber(ARGV[5]), PLACE_MS) then
  for _, scope in ipairs(scopes) do
    local puts = {}
    for _, limit in ipairs(scope.limits) do
      if limit.window == 'call' then
        redis.call('ZADD', scope.key .. ':busy', now + ARGV[11], call)
        redis.call('PEXPIRE', scope.key .. ':busy', math.max(ARGV[11] * 2, day))
      elseif limit.next then
        puts[#puts + 1] = limit.field
        puts[#puts + 1] = limit.next
      end
    end
    if #puts > 0 then
      redis.call('HSET', scope.key, unpack(puts))
      redis.call('PEXPIRE', scope.key, day * 2)
    end
    local place = scope.place
    if place.tag then
      local times = {'', string.format('%.9f', math.max(place.queue_time, place.tag))}
      if place.placed then
        quota_leave(scope.key, ticket)
      else
        times[3], times[4] = flow, string.format('%.9f', place.flow_time + place.step)
      end
      redis.call('HSET', scope.key .. ':flows', unpack(times))
      redis.call('ZREM', scope.key .. ':back:' .. flow, ticket)
    end
  end
  return {'go', math.ceil(at - now)}
end

for _, scope in ipairs(scopes) do
  if scope ~= short and scope.place.placed then quota_leave(scope.key, ticket) end
end
local key, place = short.key, short.place
if not place.tag then
  redis.call('HSET', key .. ':flows', '', '0')
  place = quota_place(key, ticket, flow, ARGV[8], tonumber(ARGV[10]), short.most, now, patience)
end
local wait, back = at - now, key .. ':back:' .. flow
local leaves = wait > patience
if leaves then
  redis.call('ZREMRANGEBYSCORE', back, '-inf', now - minute)
  local turn = 0.9 * (redis.call('ZCARD', back) + 1) * short.each / place.share
  wait = math.max(wait, patience, math.min(turn, minute))
  if place.placed then
    quota_leave(key, ticket)
    redis.call('HINCRBYFLOAT', key .. ':flows', flow, -place.step)
  end
  redis.call('ZADD', back, now + wait, ticket)
  redis.call('PEXPIRE', back, math.ceil(wait + minute))
else
  if not place.placed then
    redis.call('ZADD', key .. ':wait', string.format('%.9f', place.tag), ticket)
    redis.call('HSET', key .. ':flows', flow, string.format('%.9f', place.flow_time + place.step))
    redis.call('HSET', key .. ':cost', ticket, cmsgpack.pack(short.costs))
  end
  redis.call('ZADD', key .. ':until', now + wait + GRACE_MS, ticket)
end
redis.call('ZADD', key .. ':seen', now + wait + GRACE_MS, flow)
redis.call('ZREMRANGEBYSCORE', key .. ':seen', '-inf', now)
for _, part in ipairs({':flows', ':seen', ':wait', ':until', ':cost'}) do
  redis.call('PEXPIRE', key .. part, part == ':seen' and math.ceil(wait + SHORT_MS) or SHORT_MS)
end
return {'wait', math.ceil(wait), short.number, short.number_short,
  short.number_short > 0 and short.limits[short.number_short].most or 0, leaves and 1 or 0}
