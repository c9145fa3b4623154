-- include: lease
-- include: outbox
-- include: schedule
-- The end of a run. What it leaves in the indexes of steps goes when a sweep meets it: a run may end with thousands of open
-- steps, and the server waits for nobody.

-- Its parent's step and its children learn of it through the outbox. Answers the entries: { id, 'settle', parent's id, the
-- parent's step } and { id, 'orphans' }.
local function end_effects(run, how)
  local entries = {}
  if run.parentId then
    local fields = { 'kind', 'settle', 'runId', run.parentId, 'step', run.parentStep, 'childId', run.id }
    for field, value in pairs(how) do
      fields[#fields + 1] = field
      fields[#fields + 1] = value
    end
    local id = post('settle:' .. run.createdAt .. ':' .. run.id, unpack(fields))
    entries[#entries + 1] = { id, 'settle', run.parentId, run.parentStep }
  end
  local children = key_of('children', run.id)
  local id = 'orphans:' .. run.createdAt .. ':' .. run.id
  if redis.call('EXISTS', children) == 1 then
    post(id, 'kind', 'orphans', 'runId', run.id)
    redis.call('RENAME', children, key_of('orphans', id))
  end
  -- Also when it was posted before and the answer was lost.
  if redis.call('EXISTS', key_of('orphans', id)) == 1 then entries[#entries + 1] = { id, 'orphans' } end
  return entries
end

-- `how`: { output = … } completed; { error = … } failed; { reason = … } cancelled. The row is not saved yet.
local function end_run(run, status, how)
  move_run(run, status)
  put(run, 'output', how.output)
  put(run, 'error', how.error)
  put(run, 'reason', how.reason)
  put(run, 'endedAt', now)
  put(run, 'suspendedByEngine', nil)
  drop_lease(run)
  silence(run)
  schedule_run(run)
  redis.call('ZADD', key_of('ended', status), now, run.id)
  return end_effects(run, how)
end
