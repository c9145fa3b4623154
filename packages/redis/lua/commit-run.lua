-- Apply a turn of a held run. A large turn comes in parts: each is applied at once and whole, the last one leaves.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, claim id, epoch, turn, part from 0, revision known, move ('part' for all but the last), the
--         wakeSeq read, delay in ms, '1' with a text, output or error or reason, '1' with a code hash, code hash,
--         how many records, the records, the plans (both: turn.lua)
-- returns for each 'LEASE_LOST', or { 'part' or 'held' or 'released', now, { record from 1, settledSeq, settledAt } …,
--         { plan from 1, entry to deliver or '' } … of the rpc and child steps it made, entries (end-run.lua), items,
--         wakeSeq, changes (changes.lua) or nil }
-- called by commitRun
-- include: calls
-- include: turn
-- include: suspend
-- include: blocked
-- include: wake
-- include: changes
-- include: end-run
local run_id, claim_id, epoch, turn, part, after, move, wake_seq, delay, text, code_hash, records, first_plan, plans
local recorded, made, entries, items
-- How many revisions its records took.
local own
local usual = part_of_run({
  'status', 'node', 'floor', 'revision', 'wakeSeq', 'readWakeSeq', 'crashes', 'epoch', 'owner', 'claimId', 'leaseUntil',
  'places', 'turnClaim', 'turn', 'turnPart', 'turnBefore', 'turnPlaces', 'turnSettled', 'turnEnd',
})
local endings = { complete = { 'completed', 'output' }, fail = { 'failed', 'error' }, cancel = { 'cancelled', 'reason' } }

-- Nothing is read when nothing changed but by the caller.
local function changes_for(run)
  if run.revision - own == tonumber(after) then return { run.revision, '0', {} } end
  -- A step that is written takes as long as four that are read.
  local how = { own_after = run.turnBefore, less = 4 * (records + plans) }
  local changes, bytes = read_changes(run, after, how)
  spend(read_cost(#changes[3], bytes))
  return changes
end

local function answer(run, kind)
  return { kind, now, recorded, made, entries, items, run.wakeSeq, kind == 'held' and changes_for(run) or false }
end

local function note_made(run, step, plan)
  if step.kind == 'rpc' then made[#made + 1] = { plan, '' } end
  if step.kind ~= 'child' then return end
  local entry = start_entry_of(run, step)
  made[#made + 1] = { plan, redis.call('EXISTS', key_of('entry', entry)) == 1 and entry or '' }
end

-- Applied before, and the answer was lost: the same again, from what the rows say. What happened since may come with it.
local function repeat_answer(run)
  for i = 1, records do
    local at = 15 + (i - 1) * record_width
    local step = find_step(run_id, given[at + 2] .. ' ' .. given[at + 1])
    if step and step.kind == 'inline' and step.settledSeq and step.settledSeq > run.turnBefore then
      recorded[#recorded + 1] = { i, step.settledSeq, redis.call('HGET', step.key, 'settledAt') }
    end
  end
  for i = 1, plans do
    local at = first_plan + (i - 1) * plan_width
    local step = find_step(run_id, given[at + 2] .. ' ' .. given[at + 1])
    if step and tonumber(step.place) > run.turnPlaces then note_made(run, step, i) end
  end
  if move == 'part' then return answer(run, 'part') end
  if run.turnEnd == 'held' then
    if turn == run.turn and is_held_by(run, epoch, claim_id) then
      put(run, 'readWakeSeq', run.wakeSeq)
      save(run)
    end
    return answer(run, 'held')
  end
  if endings[move] then entries = end_effects(run, { [endings[move][2]] = text }) end
  if move == 'yield' and tonumber(delay) <= 0 then items[1] = { 'run', run_id, run.workflow, '0' } end
  return answer(run, 'released')
end

local function apply(run)
  if part == 0 then
    put(run, 'turnBefore', run.revision)
    put(run, 'turnPlaces', run.places)
    put(run, 'turnSettled', 0)
  end
  local settled = settle_due_sleeps(run)
  spend(settled)
  local before = run.revision
  for i = 1, records do
    local step = record_inline(run, 15 + (i - 1) * record_width)
    if step then recorded[#recorded + 1] = { i, step.settledSeq, step.settledAt } end
  end
  own = run.revision - before
  for i = 1, plans do
    local step, consumed = schedule_plan(run, first_plan + (i - 1) * plan_width)
    settled = settled + consumed
    if step then note_made(run, step, i) end
  end
  if records + plans > 0 and run.crashes > 0 then
    put(run, 'crashes', 0)
    schedule_run(run)
  end
  put(run, 'updatedAt', now)
  put(run, 'turnSettled', run.turnSettled + settled)
  put(run, 'turnClaim', claim_id)
  put(run, 'turn', turn)
  put(run, 'turnPart', part)
end

-- What the body has not been told yet forbids to leave: it would never be told.
local function has_news(run)
  return run.wakeSeq ~= tonumber(wake_seq) or run.turnSettled > 0 or (run.claimSlept or 0) > tonumber(after)
end

local function let_go(run, due_at)
  drop_lease(run)
  silence(run)
  put(run, 'dueAt', due_at)
end

local function suspend(run)
  let_go(run, next_timer_of(run))
  move_run(run, 'suspended')
  put(run, 'reason', text)
  if code_hash then
    put(run, 'suspendedByEngine', '1')
    block_for(run, code_hash)
    -- For a worker with other code this run is woken: its sweep finds it.
    ring_now(run)
  end
end

-- 'held' or 'released'.
local function leave(run)
  local stays = move == 'hold' or (move == 'park' or (move == 'suspend' and not code_hash)) and has_news(run)
  if stays then
    put(run, 'readWakeSeq', run.wakeSeq)
    return 'held'
  end
  local ending = endings[move]
  if ending then
    entries = end_run(run, ending[1], { [ending[2]] = text })
    return 'released'
  end
  if move == 'park' then let_go(run, next_timer_of(run)) end
  if move == 'suspend' then suspend(run) end
  if move == 'yield' then
    let_go(run, tonumber(delay) > 0 and now + tonumber(delay) or nil)
    if tonumber(delay) <= 0 then items[1] = ring_run(run) end
  end
  schedule_run(run)
  return 'released'
end

-- False: an earlier turn of this claim is lost, with a master whose replica did not have it yet. What comes after it would
-- make a history with a hole.
local function is_next(run)
  local seen = tonumber(after)
  if run.floor and seen < run.floor and seen > run.floor - lost_revisions then return false end
  local taken = run.turnClaim == claim_id and run.turn or 0
  if turn == taken then return part == run.turnPart + 1 end
  -- Nothing is recorded by a run that is given back, or left to a person: its last turn may have failed for good.
  local is_given_up = (move == 'yield' or move == 'suspend') and records + plans == 0
  return part == 0 and (turn == taken + 1 or (turn > taken and is_given_up))
end

-- Its body is to begin anew, here or elsewhere.
local function take_away(run)
  let_go(run, now)
  schedule_run(run)
  save(run)
  return 'LEASE_LOST'
end

local function read_given()
  run_id, claim_id, epoch = given[1], given[2], tonumber(given[3])
  turn, part, after = tonumber(given[4]), tonumber(given[5]), given[6]
  move, wake_seq, delay = given[7], given[8], given[9]
  text = given[10] == '1' and given[11] or nil
  code_hash = given[12] == '1' and given[13] or nil
  records = tonumber(given[14])
  first_plan = 15 + records * record_width
  plans = (#given + 1 - first_plan) / plan_width
  recorded, made, entries, items, own = {}, {}, {}, {}, 0
  spend(records + plans)
end

return answer_each(function()
  read_given()
  local stays = move == 'hold' or move == 'part'
  local run = load_run(run_id, stays and usual or nil)
  if not run then return 'LEASE_LOST' end
  -- An earlier one, too, which comes late: its sender has long heard of it and gone on.
  local is_repeat = run.turnClaim == claim_id and (turn < run.turn or turn == run.turn and part <= run.turnPart)
  if is_repeat then return repeat_answer(run) end
  if is_ended(run) or not is_held_by(run, epoch, claim_id) then return 'LEASE_LOST' end
  if not is_next(run) then return take_away(run) end
  apply(run)
  local kind = 'part'
  if move ~= 'part' then
    kind = leave(run)
    put(run, 'turnEnd', kind)
  end
  save(run)
  return answer(run, kind)
end)
