-- Take the lease of an rpc step that is due and unclaimed, or whose lease ran out.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, step (`<ordinal> <name>`), owner, claim id, lease in ms, loss limit, the reason beyond it,
--         names of the functions the worker has …
-- returns for each nil, or { epoch, workflow, rpc name, retries, retry delay in ms, attempt, lost, input or nil when it is too large }
-- called by claimStep
-- include: calls
-- include: attempt
-- include: suspend
-- While the script copies, the server waits: a large input is read after it.
local max_bytes = 128 * 1024

local function is_known(rpc_name)
  for i = 8, #given do
    if given[i] == rpc_name then return true end
  end
  return false
end

-- The worker let its lease run out. False: one loss too many.
local function take_over(run, step)
  lose_attempt(run, step)
  if step.lost <= tonumber(given[6]) then return true end
  schedule_step(run, step)
  suspend_over_limit(run, given[7])
  save(step)
  save(run)
  return false
end

local usual = part_of_run({ 'status', 'workflow', 'suspendedByEngine', 'revision', 'node' })

return answer_each(function()
  local run_id, step_id, owner, claim_id, lease_ms = given[1], given[2], given[3], given[4], tonumber(given[5])
  local run = load_run(run_id, usual)
  if not run or is_ended(run) or run.suspendedByEngine then return nil end
  local step = find_step(run_id, step_id)
  if not step or step.kind ~= 'rpc' or step.settledSeq then return nil end
  if step.claimId == claim_id then
    -- A claim that arrives twice: the same lease, or nothing when it was given back since.
    if not step.leaseUntil then return nil end
  else
    if not is_known(step.rpcName) or is_leased_now(step) then return nil end
    if step.status == 'scheduled' and step.dueAt and now < step.dueAt then return nil end
    if step.status == 'running' and not take_over(run, step) then return nil end
    put_all(step, { status = 'running', attempt = step.attempt + 1, worker = owner, startedAt = now })
    touch_step(run, step)
    silence(step)
    take_lease(step, owner, claim_id, lease_ms)
    schedule_step(run, step)
    save(step)
    save(run)
  end
  local fits = redis.call('HSTRLEN', step.key, 'input') <= max_bytes
  local asked = redis.call('HMGET', step.key, 'retries', 'retryDelayMs', fits and 'input' or 'none')
  spend(read_cost(1, asked[3] and #asked[3] or 0))
  return { step.epoch, run.workflow, step.rpcName, asked[1], asked[2], step.attempt, step.lost, asked[3] }
end)
