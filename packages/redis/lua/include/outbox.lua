-- include: now
-- include: keys
-- What a run has to say to a run in another bucket is written down here, by the script that causes it, and delivered after
-- it: `outbox` (when → entry id) and `entry:<id>` (everything the delivery needs; the run that wrote it may be deleted by
-- then). Deliveries are idempotent; whoever delivered takes the entry away. A sweep delivers what stayed lying.
-- Between the masters of a Cluster a delivery may be lost with a master whose replica did not have it yet. So there an entry
-- that was delivered is kept for a while (`kept`: when it is over → entry id, and the field `delivered`), and a sweep
-- delivers it once more.

-- Writes the entry, or finds it written; answers its id.
local function post(id, ...)
  redis.call('HSET', key_of('entry', id), ...)
  redis.call('ZADD', root .. ':outbox', 'NX', now, id)
  return id
end

local function unpost(id)
  redis.call('UNLINK', key_of('entry', id), key_of('orphans', id), key_of('told', id))
  redis.call('ZREM', root .. ':outbox', id)
  redis.call('ZREM', root .. ':kept', id)
end

local function keep(id, keep_ms)
  redis.call('HSET', key_of('entry', id), 'delivered', '1')
  redis.call('ZREM', root .. ':outbox', id)
  redis.call('ZADD', root .. ':kept', now + keep_ms, id)
  if redis.call('EXISTS', key_of('told', id)) == 1 then redis.call('RENAME', key_of('told', id), key_of('orphans', id)) end
end
