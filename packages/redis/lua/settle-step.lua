-- Record how the attempt of an rpc step ended and, if it is settled by that, wake its run.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, step (`<ordinal> <name>`), claim id, epoch, 'succeeded', 'failed' or 'retry',
--         its output or error, delay in ms (retry)
-- returns for each nil: superseded, settled already or its run has ended; else { settledSeq or nil, item or nil }
-- called by settleStep
-- include: calls
-- include: attempt
-- include: settle
-- include: wake
local function finish(run, step)
  local kind, payload = given[5], given[6]
  settle(run, step, kind == 'succeeded' and { output = payload } or { error = payload })
  return wake_run(run) or false
end

local function try_again(run, step)
  local payload, delay_ms = given[6], tonumber(given[7])
  put(step, 'status', 'scheduled')
  touch_step(run, step)
  put(step, 'error', payload)
  add_attempt(run, step, 'failed', payload)
  return offer_again(run, step, delay_ms) or false
end

local usual = part_of_run({
  'status', 'workflow', 'orphaned', 'revision', 'wakeSeq', 'readWakeSeq', 'blockedForAll', 'blocked', 'crashes', 'leaseUntil',
  'rungAt', 'rings', 'againAt', 'dueAt', 'indexed', 'node',
})

return answer_each(function()
  local run_id, step_id, claim_id, epoch, kind, payload = given[1], given[2], given[3], tonumber(given[4]), given[5], given[6]
  local run = load_run(run_id, usual)
  local step = run and find_step(run_id, step_id)
  if not step then return nil end
  if is_ended(run) or step.status ~= 'running' or not is_held_by(step, epoch, claim_id) then
    local item = recall_ending(run, step, claim_id, kind)
    local known = redis.call('HGET', step.key, kind == 'succeeded' and 'output' or 'error')
    if item == nil or known ~= payload then return nil end
    return { kind ~= 'retry' and step.settledSeq or false, item }
  end
  local item
  if kind == 'retry' then item = try_again(run, step) else item = finish(run, step) end
  remember_ending(step, claim_id, kind, item)
  save(step)
  save(run)
  return { step.settledSeq or false, item }
end)
