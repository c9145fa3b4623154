-- Record how the attempt of an rpc step ended and, if it is settled by that, wake its run.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, step (`<ordinal> <name>`), claim id, epoch, 'succeeded', 'failed' or 'retry',
--         its output or error, delay in ms (retry)
-- returns nil: superseded, settled already or its run has ended; else { settledSeq or nil, item or nil }
-- called by settleStep
-- include: attempt
-- include: settle
-- include: wake
local run_id, step_id, claim_id, epoch = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local kind, payload, delay_ms = ARGV[6], ARGV[7], tonumber(ARGV[8])

local function finish(run, step)
  settle(run, step, kind == 'succeeded' and { output = payload } or { error = payload })
  return wake_run(run) or false
end

local function try_again(run, step)
  put(step, 'status', 'scheduled')
  touch_step(run, step)
  put(step, 'error', payload)
  add_attempt(run, step, 'failed', payload)
  return offer_again(run, step, delay_ms) or false
end

local run = load_run(run_id)
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
