-- Take the run's lease, settle its due sleeps, and read what changed.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, owner, claim id, lease in ms, revision known, crash limit, the reason beyond it,
--         (workflow, code hash) … the worker has
-- returns for each nil, 'parent' (its parent has ended), or { now, epoch, wakeSeq, the run (show.lua), changes (changes.lua) }
-- called by claimRun
-- include: calls
-- include: settle
-- include: suspend
-- include: blocked
-- include: changes
-- include: show
local function is_for_worker(run)
  if run.blockedForAll then return false end
  for i = 8, #given, 2 do
    if given[i] == run.workflow then return not is_blocked_for(run, given[i + 1]) end
  end
  return false
end

-- A lease that ran out is a crash. False: too early after the last one, or one too many.
local function take_over(run)
  if now < take_over_at(run) then return false end
  put(run, 'crashes', run.crashes + 1)
  put(run, 'updatedAt', now)
  if run.crashes <= tonumber(given[6]) then return true end
  suspend_over_limit(run, given[7])
  save(run)
  return false
end

-- Whoever is told nothing forgets what it knew of the run; the next sweep rings it.
local function let_ask_anew(run)
  drop_lease(run)
  put(run, 'rungAt', run.rungAt or now)
  put(run, 'againAt', now)
  schedule_run(run)
  save(run)
  return nil
end

local usual = part_of_run({
  'workflow', 'status', 'orphaned', 'revision', 'wakeSeq', 'readWakeSeq', 'suspendedByEngine', 'blockedForAll', 'blocked',
  'crashes', 'epoch', 'owner', 'claimId', 'leaseUntil', 'rungAt', 'rings', 'againAt', 'dueAt', 'indexed', 'node', 'floor',
})

return answer_each(function()
  local run_id, owner, claim_id, lease_ms, after = given[1], given[2], given[3], tonumber(given[4]), given[5]
  local run = load_run(run_id, usual)
  if not run or is_ended(run) then return nil end
  local is_repeat = run.claimId == claim_id
  if is_repeat then
    -- A claim that arrives twice: the same lease, or nothing when it was given back since.
    if not run.leaseUntil then return nil end
  else
    if run.orphaned then return 'parent' end
    if not is_for_worker(run) then return nil end
    if run.leaseUntil and not take_over(run) then return nil end
    if is_doubtful(run, tonumber(after)) then return let_ask_anew(run) end
    take_lease(run, owner, claim_id, lease_ms * 2 ^ math.min(run.crashes, 6))
    let_run(run)
    silence(run)
    schedule_run(run)
  end
  -- Sent twice, it may arrive a second time when its sender is at work: the next turn must tell of what this one settles.
  local slept = settle_due_sleeps(run)
  if slept > 0 and is_repeat then put(run, 'claimSlept', run.revision) end
  put(run, 'readWakeSeq', run.wakeSeq)
  save(run)
  local changes, bytes = read_changes(run, after, {})
  spend(slept + read_cost(#changes[3], bytes))
  return { now, run.epoch, run.wakeSeq, show_run(run_id, open_payloads), changes }
end)
