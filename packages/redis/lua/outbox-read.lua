-- Everything a delivery needs.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, entry id
-- returns nil: delivered by another; else { { field, value, … }, { child's run id, place, … } }, at most 100 children of an
--         entry of the kind 'orphans'
-- called to deliver an entry of the outbox
-- include: outbox
local entry = redis.call('HGETALL', key_of('entry', ARGV[2]))
if #entry == 0 then return nil end
return { entry, redis.call('ZRANGE', key_of('orphans', ARGV[2]), 0, 99, 'WITHSCORES') }
