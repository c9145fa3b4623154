-- Insert a run, rung, or find the one that has the id.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, call id (the same when the call is repeated), workflow, input, input digest, tags as text,
--         parent's run id, parent's step, onEnd ('' without a parent), '1' if that parent is known to be over, tags …
-- returns { '1', item, now } created, or { '0', item or nil if it has ended, the run as `show.lua` shows it }
-- called by createRun, and to deliver a child's start
-- include: end-run
-- include: show
local run_id, call_id = ARGV[2], ARGV[3]

-- Its parent does not know: it has asked anew, after it lost the end of its past (or heard nothing of it yet).
local function tell_parent(run)
  local values = redis.call('HMGET', run.key, 'output', 'error', 'reason')
  end_effects(run, { output = values[1] or nil, error = values[2] or nil, reason = values[3] or nil })
end

local found = load_run(run_id)
if found then
  if is_ended(found) and ARGV[8] ~= '' and found.parentId == ARGV[8] and found.parentStep == ARGV[9] then tell_parent(found) end
  local created = redis.call('HGET', found.key, 'createCall') == call_id
  local item = not is_ended(found) and run_item(found) or false
  return { created and '1' or '0', item, created and found.createdAt or show_run(run_id) }
end

local run = { key = key_of('run', run_id), dirty = {}, id = run_id, crashes = 0, rings = 0 }
-- 0 is known to whoever knows nothing of the run, and to nobody who has read it.
put(run, 'revision', 1)
note_node(run)
put_all(run, {
  workflow = ARGV[4], status = 'running', input = ARGV[5], inputDigest = ARGV[6], tags = ARGV[7], createdAt = now,
  updatedAt = now, wakeSeq = 1, createCall = call_id,
})
if ARGV[8] ~= '' then put_all(run, { parentId = ARGV[8], parentStep = ARGV[9], parentOnEnd = ARGV[10] }) end
if ARGV[11] == '1' then put(run, 'orphaned', '1') end
ring_now(run)
schedule_run(run)
save(run)

redis.call('ZADD', root .. ':runs', now, run_id)
redis.call('ZADD', key_of('runs:of', run.workflow), now, run_id)
redis.call('ZADD', key_of('runs:is', 'running'), now, run_id)
for i = 12, #ARGV do redis.call('ZADD', key_of('runs:tag', ARGV[i]), now, run_id) end
return { '1', run_item(run), now }
