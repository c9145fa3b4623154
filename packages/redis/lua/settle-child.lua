-- A child has ended: settle its parent's step, and wake the parent.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, parent's run id, parent's step, child's run id, entry id, 'output' or 'error' or 'reason', its text
-- returns the item, or nil: settled already, not waited for (any more), or the parent knows already that there is news
-- called to deliver an entry of the outbox
-- include: settle
-- include: wake
local child, entry = ARGV[4], ARGV[5]
local run = load_run(ARGV[2])
if not run or is_ended(run) then return nil end
redis.call('ZREM', key_of('children', run.id), child)
local step = find_step(run.id, ARGV[3])
if not step or step.kind ~= 'child' or step.childId ~= child then return nil end
if step.settledSeq then
  -- Delivered before, and the answer was lost.
  local before = redis.call('HMGET', step.key, 'settledBy', 'rang')
  return before[1] == entry and before[2] and run_item(run) or nil
end
settle(run, step, { [ARGV[6]] = ARGV[7] })
local item = wake_run(run)
put(step, 'settledBy', entry)
put(step, 'rang', item and '1' or nil)
save(step)
save(run)
return item or nil
