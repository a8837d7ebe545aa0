-- The queue of a scope that is short, by start-time fair queueing: each flow (organisation, workflow, weight) has a
-- virtual time, and who is least ahead is next. Organisations have equal shares; within one, flows share by weight.
-- Keys below the scope's: `flows` (virtual times, '' is the queue's own; there only while it is short), `seen` (flows
-- until when they count), `wait` (tickets that wait here by virtual time), `until` (when each is given up), `cost` (what
-- each takes of each limit), `back:<flow>` (tickets that come back, by time).

-- Answers the share of a flow in its organisation, and the number of organisations.
local function quota_share(key, flow, org, weight, now)
  local orgs, count, weights = {[org] = true}, 1, weight
  for _, other in ipairs(redis.call('ZRANGEBYSCORE', key .. ':seen', now, '+inf', 'LIMIT', 0, 200)) do
    local of, heavy = string.match(other, '^(.-)\31.*\31(%d+)$')
    if not orgs[of] then
      orgs[of] = true
      count = count + 1
    end
    if of == org and other ~= flow then weights = weights + heavy end
  end
  return weight / weights, count
end

-- Takes a ticket out.
local function quota_leave(key, ticket)
  redis.call('ZREM', key .. ':wait', ticket)
  redis.call('ZREM', key .. ':until', ticket)
  redis.call('HDEL', key .. ':cost', ticket)
end

-- Answers the place of a ticket: `tag` is its virtual time, `placed` whether it waits already, `flow_time` where its flow
-- is, `step` by how much the flow moves with it, `ahead` the units of each limit that are before it.
local function quota_place(key, ticket, flow, org, weight, share_of_limit, now, patience)
  for _, late in ipairs(redis.call('ZRANGEBYSCORE', key .. ':until', '-inf', now)) do quota_leave(key, late) end
  local times = redis.call('HMGET', key .. ':flows', '', flow)
  local queue_time, tag = tonumber(times[1] or 0), redis.call('ZSCORE', key .. ':wait', ticket)
  local share, orgs = quota_share(key, flow, org, weight, now)
  local place = {
    placed = tag and true,
    share = share / orgs,
    step = share_of_limit / share,
    queue_time = queue_time,
    flow_time = math.max(queue_time, tonumber(times[2] or 0)),
    ahead = {}
  }
  if not tag then
    local due = redis.call('ZSCORE', key .. ':back:' .. flow, ticket) or now + patience
    local owed = redis.call('ZCOUNT', key .. ':back:' .. flow, '-inf', '(' .. due)
    tag = place.flow_time + owed * place.step
  end
  place.tag = tonumber(tag)
  local before = redis.call('ZRANGEBYSCORE', key .. ':wait', '-inf', (place.placed and '(' or '') .. tag, 'LIMIT', 0, 100)
  if #before > 0 then
    local times_more = 1
    if #before == 100 then times_more = redis.call('ZCOUNT', key .. ':wait', '-inf', tag) / 100 end
    for _, costs in ipairs(redis.call('HMGET', key .. ':cost', unpack(before))) do
      for field, cost in pairs(costs and cmsgpack.unpack(costs) or {}) do
        place.ahead[field] = (place.ahead[field] or 0) + cost * times_more
      end
    end
  end
  return place
end
