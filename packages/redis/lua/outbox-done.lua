-- An entry was delivered, or some of its children were told.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, entry id, children told …
-- returns nil: the entry is gone; 'more': it has more children; 'orphan': the child was started, but its parent has ended
--         meanwhile: the entry tells it so now, deliver it again
-- called after each delivery
-- include: run
-- include: outbox
local id = ARGV[2]
local entry = redis.call('HMGET', key_of('entry', id), 'kind', 'runId', 'parentId', 'parentOnEnd')
if entry[1] == 'start' and entry[4] == 'cancel' then
  local parent = load_run(entry[3])
  if not parent or is_ended(parent) then
    local orphans = key_of('orphans', id)
    redis.call('UNLINK', key_of('entry', id))
    redis.call('HSET', key_of('entry', id), 'kind', 'orphans', 'runId', entry[3])
    redis.call('ZADD', orphans, 1, entry[2])
    return 'orphan'
  end
end
for i = 3, #ARGV do redis.call('ZREM', key_of('orphans', id), ARGV[i]) end
if redis.call('EXISTS', key_of('orphans', id)) == 1 then return 'more' end
unpost(id)
return nil
