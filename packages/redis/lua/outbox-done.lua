-- An entry was delivered, or some of its children were told.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, entry id, for how long it is kept to be delivered once more in ms (0: it goes at once),
--         (child told, its place) …
-- returns nil: the entry is gone, or kept; 'more': it has more children; 'orphan': the child was started, but its parent has
--         ended meanwhile: the entry tells it so now, deliver it again
-- called after each delivery
-- include: run
-- include: outbox
local id, keep_ms = ARGV[2], tonumber(ARGV[3])
local entry = redis.call('HMGET', key_of('entry', id), 'kind', 'runId', 'parentId', 'parentOnEnd', 'delivered')
if not entry[1] then return nil end
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
local is_last = keep_ms == 0 or entry[5]
for i = 4, #ARGV, 2 do
  redis.call('ZREM', key_of('orphans', id), ARGV[i])
  if not is_last then redis.call('ZADD', key_of('told', id), ARGV[i + 1], ARGV[i]) end
end
if redis.call('EXISTS', key_of('orphans', id)) == 1 then return 'more' end
if is_last then unpost(id) else keep(id, keep_ms) end
return nil
