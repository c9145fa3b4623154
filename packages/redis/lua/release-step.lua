-- Give a claimed rpc step back unfinished.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, step (`<ordinal> <name>`), claim id, epoch, '1' if its function was entered, delay in ms
-- returns nil: not held like this; else { item or nil }
-- called by releaseStep
-- include: attempt
local run_id, step_id, claim_id, epoch = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
local entered, delay_ms = ARGV[6] == '1', tonumber(ARGV[7])

-- The function was never entered: as if this attempt had not begun.
local function give_back(run, step)
  put(step, 'status', 'scheduled')
  touch_step(run, step)
  put(step, 'attempt', step.attempt - 1)
end

local run = load_run(run_id)
local step = run and find_step(run_id, step_id)
if not step then return nil end
if is_ended(run) or step.status ~= 'running' or not is_held_by(step, epoch, claim_id) then
  local item = recall_ending(run, step, claim_id, 'released')
  if item == nil then return nil end
  return { item }
end
if entered then lose_attempt(run, step) else give_back(run, step) end
local item = offer_again(run, step, delay_ms) or false
remember_ending(step, claim_id, 'released', item)
save(step)
save(run)
return { item }
