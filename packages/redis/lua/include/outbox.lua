-- include: now
-- include: keys
-- What a run has to say to a run in another bucket is written down here, by the script that causes it, and delivered after
-- it: `outbox` (when → entry id) and `entry:<id>` (everything the delivery needs; the run that wrote it may be deleted by
-- then). Deliveries are idempotent; whoever delivered takes the entry away. A sweep delivers what stayed lying.

-- Writes the entry, or finds it written; answers its id.
local function post(id, ...)
  redis.call('HSET', key_of('entry', id), ...)
  redis.call('ZADD', root .. ':outbox', 'NX', now, id)
  return id
end

local function unpost(id)
  redis.call('UNLINK', key_of('entry', id), key_of('orphans', id))
  redis.call('ZREM', root .. ':outbox', id)
end
