-- A parent has ended, and this run is not to outlive it: from now on whoever claims it is told to end it.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, child's run id, parent's run id, '1' if it is to be rung
-- returns the item, or nil: nothing to ring
-- called to deliver an entry of the outbox, and by createRun
-- include: wake
local run = load_run(ARGV[2])
if not run or is_ended(run) or run.parentId ~= ARGV[3] or run.parentOnEnd ~= 'cancel' then return nil end
put(run, 'orphaned', '1')
local item
if ARGV[4] == '1' then
  item = ring_run(run)
else
  schedule_run(run)
end
save(run)
return item or nil
