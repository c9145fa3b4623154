-- Everything a delivery needs.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, entry id
-- returns nil: delivered by another, or not worth delivering once more; else { { field, value, … },
--         { child's run id, place, … } }, at most 100 children of an entry of the kind 'orphans'
-- called to deliver an entry of the outbox
-- include: step
-- include: outbox
local id = ARGV[2]

-- Its parent knows how the child ended, which may be deleted by now, or does not care any more.
local function is_over()
  local place, run_id = string.match(id, '^start:%d+:(%d+):(.*)$')
  local run = place and load_run(run_id)
  if not run or is_ended(run) then return true end
  local step = load_step(run_id, place)
  return not step or step.settledSeq ~= nil
end

local entry = redis.call('HGETALL', key_of('entry', id))
if #entry == 0 then return nil end
local about = redis.call('HMGET', key_of('entry', id), 'kind', 'delivered')
if about[1] == 'start' and about[2] and is_over() then
  unpost(id)
  return nil
end
return { entry, redis.call('ZRANGE', key_of('orphans', id), 0, 99, 'WITHSCORES') }
