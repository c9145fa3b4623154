-- include: lease
-- include: step
-- Attempts of rpc steps that end without settling them.

-- Back to waiting for a worker, with the attempt on record as lost.
local function lose_attempt(run, step)
  put(step, 'status', 'scheduled')
  touch_step(run, step)
  count_loss(run, step)
  add_attempt(run, step, 'lost')
  drop_lease(step)
  ring_now(step)
end

-- Nobody holds the step: an item for it now, or nil and a timer for the sweep that comes after the delay.
local function offer_again(run, step, delay_ms)
  drop_lease(step)
  silence(step)
  local item
  if delay_ms > 0 then
    put(step, 'dueAt', now + delay_ms)
  else
    ring_now(step)
    item = step_item(run, step)
  end
  schedule_step(run, step)
  return item
end

-- How a claim ended and whom that rang, so that the same call again answers the same.
local function remember_ending(step, claim_id, kind, item)
  put_all(step, { endClaim = claim_id, endKind = kind })
  local is_step = item and item[1] == 'step'
  put(step, 'endHeld', item and item[1] == 'run' and item[4] or nil)
  put(step, 'endAttempt', is_step and item[5] or nil)
  put(step, 'endDispatch', is_step and item[6] or nil)
end

-- The item that went with the ending of this claim, or false; nil: the claim has not ended, or not like this.
local function recall_ending(run, step, claim_id, kind)
  local ending = redis.call('HMGET', step.key, 'endClaim', 'endKind', 'endHeld', 'endAttempt', 'endDispatch')
  if ending[1] ~= claim_id or ending[2] ~= kind then return nil end
  if ending[3] then return { 'run', run.id, run.workflow, ending[3] } end
  if ending[4] then return { 'step', run.id, step_id_of(step), step.rpcName, tonumber(ending[4]), tonumber(ending[5]) } end
  return false
end
