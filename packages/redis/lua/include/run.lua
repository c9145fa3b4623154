-- include: now
-- include: keys
-- include: row
-- include: server
-- The run's row, without its payloads: those are written, and read, by those who need them.

local run_fields = {
  'workflow', 'status', 'parentId', 'parentStep', 'parentOnEnd', 'orphaned', 'createdAt', 'revision', 'wakeSeq',
  'readWakeSeq', 'suspendedByEngine', 'blockedForAll', 'blocked', 'crashes', 'epoch', 'owner', 'claimId',
  'leaseUntil', 'rungAt', 'rings', 'againAt', 'dueAt', 'indexed', 'places', 'attempts', 'signals', 'turnClaim',
  'turn', 'turnPart', 'turnBefore', 'turnPlaces', 'turnSettled', 'turnEnd', 'endCall', 'node', 'floor',
  'claimSlept',
}
local run_counters = {
  revision = true, wakeSeq = true, readWakeSeq = true, crashes = true, epoch = true, rings = true, places = true,
  attempts = true, signals = true,
}

local function is_ended(run)
  return run.status == 'completed' or run.status == 'failed' or run.status == 'cancelled'
end

-- More than a server can have written of one run before its replica, or its disk, has it.
local lost_revisions = 1000000

-- A replica may lack the last of what its master had answered before it died, and a server that comes back what its disk
-- had not yet; and give the same revisions to other changes. What it gives is numbered anew, from the run's `floor` on, so
-- that nobody takes one for the other.
local function note_node(run)
  if not server or run.node == server then return end
  if run.node then
    put(run, 'revision', run.revision + lost_revisions)
    put(run, 'floor', run.revision)
  end
  put(run, 'node', server)
end

-- What was known at this revision may be of a past that is lost.
local function is_doubtful(run, revision)
  return revision > run.revision or (run.floor ~= nil and revision > 0 and revision < run.floor)
end

-- For a script that needs few of them as a rule: what is none of these is read, all of it, when it is asked for.
local function part_of_run(fields)
  local is_read = {}
  for i = 1, #fields do is_read[fields[i]] = true end
  local function read_rest(run, field)
    if is_read[field] then return nil end
    setmetatable(run, nil)
    local rest = {}
    for i = 1, #run_fields do
      if not is_read[run_fields[i]] then rest[#rest + 1] = run_fields[i] end
    end
    read_fields(run, rest, run_counters)
    return run[field]
  end
  return { fields = fields, rest = { __index = read_rest } }
end

-- nil: there is no such run. `id` and `member` (its name among its owner's leases) are no fields. `part`: see above.
local function load_run(run_id, part)
  local run = load_row(key_of('run', run_id), part and part.fields or run_fields, run_counters)
  if not run.status then return nil end
  run.id = run_id
  run.member = 'run:' .. run_id
  if part then setmetatable(run, part.rest) end
  note_node(run)
  return run
end

-- The listing index by status moves along.
local function move_run(run, to)
  if run.status ~= to then
    redis.call('ZREM', key_of('runs:is', run.status), run.id)
    redis.call('ZADD', key_of('runs:is', to), run.createdAt, run.id)
    put(run, 'status', to)
  end
  put(run, 'updatedAt', now)
end

-- The name a run's work is indexed under. Runs blocked for the same code share a lane, so that a worker with that code
-- never meets them: the workflow, then each code hash it is blocked for, in order, with U+0000 between.
local function lane_of(run)
  return run.blocked and (run.workflow .. '\0' .. run.blocked) or run.workflow
end

local function is_leased_now(row)
  return row.leaseUntil ~= nil and now < row.leaseUntil
end

-- { 'run', run id, workflow, '1' if another process holds it }
local function run_item(run)
  return { 'run', run.id, run.workflow, is_leased_now(run) and '1' or '0' }
end
