-- Insert a run, rung, or find the one that has the id.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, call id (the same when the call is repeated), workflow, input, input digest, tags as text,
--         parent's run id, parent's step, onEnd ('' without a parent), '1' if that parent is known to be over, tags …
-- returns for each { '1', item, now } created, or { '0', item or nil if it has ended, the run as `show.lua` shows it }
-- called by createRun, and to deliver a child's start
-- include: calls
-- include: end-run
-- include: show
-- Its parent does not know: it has asked anew, after it lost the end of its past (or heard nothing of it yet).
local function tell_parent(run)
  local values = redis.call('HMGET', run.key, 'output', 'error', 'reason')
  end_effects(run, { output = values[1] or nil, error = values[2] or nil, reason = values[3] or nil })
end

return answer_each(function()
  local run_id, call_id = given[1], given[2]
  local found = load_run(run_id)
  if found then
    if is_ended(found) and given[7] ~= '' and found.parentId == given[7] and found.parentStep == given[8] then tell_parent(found) end
    local created = redis.call('HGET', found.key, 'createCall') == call_id
    local item = not is_ended(found) and run_item(found) or false
    return { created and '1' or '0', item, created and found.createdAt or show_run(run_id) }
  end

  local run = { key = key_of('run', run_id), dirty = {}, is_new = true, id = run_id, crashes = 0, rings = 0 }
  -- 0 is known to whoever knows nothing of the run, and to nobody who has read it.
  put(run, 'revision', 1)
  note_node(run)
  put_all(run, {
    workflow = given[3], status = 'running', input = given[4], inputDigest = given[5], tags = given[6], createdAt = now,
    updatedAt = now, wakeSeq = 1, createCall = call_id,
  })
  if given[7] ~= '' then put_all(run, { parentId = given[7], parentStep = given[8], parentOnEnd = given[9] }) end
  if given[10] == '1' then put(run, 'orphaned', '1') end
  ring_now(run)
  schedule_run(run)
  save(run)

  redis.call('ZADD', root .. ':runs', now, run_id)
  redis.call('ZADD', key_of('runs:of', run.workflow), now, run_id)
  redis.call('ZADD', key_of('runs:is', 'running'), now, run_id)
  for i = 11, #given do redis.call('ZADD', key_of('runs:tag', given[i]), now, run_id) end
  return { '1', run_item(run), now }
end)
