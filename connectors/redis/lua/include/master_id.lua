-- The id of the data set whose master this server is. It changes when a replica takes over, and when a server starts: then
-- writes may be missing that were acknowledged before. Empty on a server that does not say.
local function master_id()
  return string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)') or ''
end
