/* Made from lua/*.lua by scripts/build-lua.mjs. Do not edit. */
export interface Script {
  /** SHA-1 of the text, by which the server knows it. */
  readonly sha: string
  /** Whether it takes several calls at once, as lua/include/calls.lua has it. */
  readonly takesCalls: boolean
  readonly text: string
}

export type ScriptName =
  | 'adopt-child'
  | 'cancel-run'
  | 'claim-run'
  | 'claim-step'
  | 'clock'
  | 'commit-run'
  | 'create-run'
  | 'delete-run'
  | 'enlist'
  | 'forget-owners'
  | 'note-owners'
  | 'open-store'
  | 'orphan-run'
  | 'outbox-done'
  | 'outbox-read'
  | 'read-changes'
  | 'read-input'
  | 'record-step'
  | 'release-step'
  | 'renew-leases'
  | 'renew-owned'
  | 'resume-run'
  | 'settle-child'
  | 'settle-step'
  | 'signal-run'
  | 'sweep'

const part1 = `-- The server's clock in ms, the same for the whole script. ARGV[1] moves it on in tests.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) + tonumber(ARGV[1])
`

const part2 = `-- Names of keys. All begin with the bucket's root, which carries the hash tag: one slot.
local root = KEYS[1]

local function key_of(kind, id)
  return root .. ':' .. kind .. ':' .. id
end

local function step_key_of(run_id, place)
  return root .. ':step:' .. place .. ':' .. run_id
end
`

const part3 = `-- A hash as a row: read once, changed in memory, written once. Whoever changes one must save it before the script ends.

local numeric = {
  createdAt = true, updatedAt = true, endedAt = true, revision = true, wakeSeq = true, readWakeSeq = true,
  crashes = true, epoch = true, leaseUntil = true, rungAt = true, rings = true, againAt = true, dueAt = true,
  places = true, attempts = true, signals = true, turn = true, turnPart = true, turnBefore = true, turnPlaces = true,
  turnSettled = true, ordinal = true, retries = true, retryDelayMs = true, attempt = true, lost = true,
  askedAfter = true, floor = true, claimSlept = true, settledSeq = true, settledAt = true, startedAt = true, dispatch = true,
}

-- Fields that are absent are nil; \`zero\` has those that count from 0. What was changed stays as it is.
local function read_fields(row, fields, zero)
  local values = redis.call('HMGET', row.key, unpack(fields))
  local dirty = row.dirty
  for i = 1, #fields do
    local field, value = fields[i], values[i]
    if dirty[field] then
    elseif value then
      row[field] = numeric[field] and tonumber(value) or value
    elseif zero[field] then
      row[field] = 0
    end
  end
end

local function load_row(key, fields, zero)
  local row = { key = key, dirty = {}, is_new = false }
  read_fields(row, fields, zero)
  return row
end

-- nil takes the field away. What is there already is not written again.
local function put(row, field, value)
  local is_there = rawget(row, field) == value and (value ~= nil or row.is_new)
  if is_there and not row.dirty[field] then return end
  row[field] = value
  row.dirty[field] = true
end

local function put_all(row, values)
  for field, value in pairs(values) do put(row, field, value) end
end

local function save(row)
  local set, gone = {}, {}
  for field in pairs(row.dirty) do
    if rawget(row, field) == nil then
      gone[#gone + 1] = field
    else
      set[#set + 1] = field
      set[#set + 1] = row[field]
    end
  end
  if #set > 0 then redis.call('HSET', row.key, unpack(set)) end
  if #gone > 0 then redis.call('HDEL', row.key, unpack(gone)) end
  row.dirty = {}
end
`

const part4 = `-- Which server this is: its client says it (src/link.ts), and on a Cluster it says so itself. nil where nobody knows.
local server = KEYS[2] and (string.match(KEYS[2], ':server:(%x+)$') or redis.call('CLUSTER', 'MYID')) or nil
`

const part5 = `-- The run's row, without its payloads: those are written, and read, by those who need them.

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
-- had not yet; and give the same revisions to other changes. What it gives is numbered anew, from the run's \`floor\` on, so
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

-- nil: there is no such run. \`id\` and \`member\` (its name among its owner's leases) are no fields. \`part\`: see above.
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
  return run.blocked and (run.workflow .. '\\0' .. run.blocked) or run.workflow
end

local function is_leased_now(row)
  return row.leaseUntil ~= nil and now < row.leaseUntil
end

-- { 'run', run id, workflow, '1' if another process holds it }
local function run_item(run)
  return { 'run', run.id, run.workflow, is_leased_now(run) and '1' or '0' }
end
`

const part6 = `-- Leases. Those an owner holds are in its set \`held:<owner>\`, to be ended together when its process is gone.

-- Give the row to nobody. The epoch and the claim stay, to recognise what comes late.
local function drop_lease(row)
  if not row.leaseUntil then return end
  if row.owner then redis.call('SREM', key_of('held', row.owner), row.member) end
  put(row, 'leaseUntil', nil)
end

local function take_lease(row, owner, claim_id, lease_ms)
  drop_lease(row)
  redis.call('SADD', key_of('held', owner), row.member)
  put_all(row, { epoch = row.epoch + 1, owner = owner, claimId = claim_id, leaseUntil = now + lease_ms })
end

-- An id that was deleted and is used again counts its epochs from the start: the claim must be the same, too.
local function is_held_by(row, epoch, claim_id)
  return row.leaseUntil ~= nil and row.epoch == epoch and row.claimId == claim_id
end
`

const part7 = `-- What a run has to say to a run in another bucket is written down here, by the script that causes it, and delivered after
-- it: \`outbox\` (when → entry id) and \`entry:<id>\` (everything the delivery needs; the run that wrote it may be deleted by
-- then). Deliveries are idempotent; whoever delivered takes the entry away. A sweep delivers what stayed lying.
-- Between the masters of a Cluster a delivery may be lost with a master whose replica did not have it yet. So there an entry
-- that was delivered is kept for a while (\`kept\`: when it is over → entry id, and the field \`delivered\`), and a sweep
-- delivers it once more.

-- Writes the entry, or finds it written; answers its id.
local function post(id, ...)
  redis.call('HSET', key_of('entry', id), ...)
  redis.call('ZADD', root .. ':outbox', 'NX', now, id)
  return id
end

local function unpost(id)
  redis.call('UNLINK', key_of('entry', id), key_of('orphans', id), key_of('told', id))
  redis.call('ZREM', root .. ':outbox', id)
  redis.call('ZREM', root .. ':kept', id)
end

local function keep(id, keep_ms)
  redis.call('HSET', key_of('entry', id), 'delivered', '1')
  redis.call('ZREM', root .. ':outbox', id)
  redis.call('ZADD', root .. ':kept', now + keep_ms, id)
  if redis.call('EXISTS', key_of('told', id)) == 1 then redis.call('RENAME', key_of('told', id), key_of('orphans', id)) end
end
`

const part8 = `-- Where a row waits to be found by a sweep. A row is in one index at most; its field \`indexed\` says in which.
--
--   rung:…    rungAt     rung, not claimed yet: due when the sweep's own window is over
--   due:…     when       a timer, or rung again by a sweep
--   leases:…  when       when somebody else may take it
--
-- of runs \`rung:runs:<lane>\` …, of children of an ended parent \`rung:orphans\`, \`due:orphans\`, of rpc steps \`rung:steps\` ….

local function index_row(row, member, index, score)
  if row.indexed and row.indexed ~= index then redis.call('ZREM', root .. ':' .. row.indexed, member) end
  if index then redis.call('ZADD', root .. ':' .. index, score, member) end
  if row.indexed ~= index then put(row, 'indexed', index) end
end

-- From when on another may claim a leased run: at once after the first crash, later after each further one.
local function take_over_at(run)
  if run.crashes == 0 then return run.leaseUntil end
  return run.leaseUntil + math.min(1000 * 2 ^ (run.crashes - 1), 60000)
end

local function run_index(run)
  if is_ended(run) then return nil end
  if run.orphaned then
    -- Nobody but a sweep rings it, and whoever claims it is told to end it: a lease does not hide it.
    if run.againAt then return 'due:orphans', run.againAt end
    if run.rungAt then return 'rung:orphans', run.rungAt end
    return 'due:orphans', 0
  end
  if run.blockedForAll then return nil end
  local lane = lane_of(run)
  if run.leaseUntil then return 'leases:runs:' .. lane, math.max(take_over_at(run), run.againAt or 0) end
  if run.againAt then return 'due:runs:' .. lane, run.againAt end
  if run.rungAt then return 'rung:runs:' .. lane, run.rungAt end
  if run.dueAt then return 'due:runs:' .. lane, run.dueAt end
  return nil
end

-- To be called after whatever changed one of: status, orphaned, blocked, crashes, leaseUntil, rungAt, againAt, dueAt.
local function schedule_run(run)
  local index, score = run_index(run)
  if index and run.blocked then redis.call('SADD', key_of('lanes', run.workflow), run.blocked) end
  index_row(run, run.id, index, score)
end

-- Only rpc steps are found by a sweep; sleeps and inline retries are timers of their run.
local function schedule_step(run, step)
  local index, score
  if step.kind == 'rpc' and not step.settledSeq then
    if step.leaseUntil then
      index, score = 'leases:steps', math.max(step.leaseUntil, step.againAt or 0)
    elseif step.againAt then
      index, score = 'due:steps', step.againAt
    elseif step.rungAt then
      index, score = 'rung:steps', step.rungAt
    elseif step.dueAt then
      index, score = 'due:steps', step.dueAt
    end
  end
  index_row(step, step.place .. ':' .. run.id, index, score)
end

local function clear(row, field)
  if row[field] ~= nil then put(row, field, nil) end
end

local function count_rings(row, rings)
  if row.rings ~= rings then put(row, 'rings', rings) end
end

-- Rung for the first time. Whoever calls one of these three schedules the row afterwards.
local function ring_now(row)
  put(row, 'rungAt', now)
  clear(row, 'againAt')
  count_rings(row, 0)
end

-- Rung by a sweep with this window, which doubles each time nobody came.
local function ring_again(row, window)
  count_rings(row, row.rungAt and row.rings + 1 or 0)
  put(row, 'rungAt', now)
  put(row, 'againAt', now + window * 2 ^ math.min(row.rings, 20))
end

local function silence(row)
  clear(row, 'rungAt')
  clear(row, 'againAt')
  clear(row, 'dueAt')
  count_rings(row, 0)
end
`

const part9 = `-- The end of a run. What it leaves in the indexes of steps goes when a sweep meets it: a run may end with thousands of open
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

-- \`how\`: { output = … } completed; { error = … } failed; { reason = … } cancelled. The row is not saved yet.
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
`

const part10 = `-- Several calls of one operation in one script (src/lane.ts): ARGV is the clock offset, then for each call how many arguments it has, and
-- these. Each is answered by itself, or has an error of its own: none knows of the others.

-- What the call at hand was given.
local given

-- About how long this has taken (in units of a written row). Whoever works beyond the call's own row says so.
local spent, enough = 0, 40

local function spend(rows)
  spent = spent + rows
end

-- A row that is read takes a quarter of the time, and so do 4 KiB of text.
local function read_cost(rows, bytes)
  return (rows + bytes / 4096) / 4
end

-- Before Redis 7 an error is text: where the script met it, and behind it what it met.
local function error_of(met)
  if type(met) == 'table' then return { err = met.err } end
  return { err = string.match(met, '%-([A-Z]+ [^\\r\\n]*)') or string.match(met, '^[A-Z]+ .*$') or 'ERR ' .. met }
end

-- All at once as a rule; Lua has room for some thousands.
local function given_at(first, last)
  if last - first < 1000 then return { unpack(ARGV, first, last) } end
  local values = {}
  for i = first, last do values[#values + 1] = ARGV[i] end
  return values
end

-- \`operate\` answers the call in \`given\`. The server waits meanwhile: those that would keep it waiting for too long are not
-- looked at, and answered with nothing: there are fewer answers than calls.
local function answer_each(operate)
  local answers, at, last = {}, 2, #ARGV
  while at <= last and spent < enough do
    local width = tonumber(ARGV[at])
    given = given_at(at + 1, at + width)
    at = at + 1 + width
    spend(1)
    local is_done, answer = pcall(operate)
    if not is_done then answer = error_of(answer) end
    answers[#answers + 1] = answer or false
  end
  return answers
end
`

const part11 = `-- The step's row, without its payloads. A step is known to its run by \`<ordinal> <name>\`, which has a place: 1, 2, 3 …

local step_fields = {
  'name', 'ordinal', 'kind', 'status', 'rpcName', 'childId', 'attempt', 'lost', 'settledSeq', 'settledAt',
  'revision', 'startedAt', 'worker', 'dispatch', 'epoch', 'owner', 'claimId', 'leaseUntil', 'rungAt', 'rings',
  'againAt', 'dueAt', 'indexed',
}
local step_counters = { attempt = true, lost = true, revision = true, dispatch = true, epoch = true, rings = true }

-- nil: the run has no such step. \`place\` and \`member\` (its name among its owner's leases) are no fields.
local function load_step(run_id, place)
  local step = load_row(step_key_of(run_id, place), step_fields, step_counters)
  if not step.status then return nil end
  step.place = place
  step.member = 'step:' .. place .. ':' .. run_id
  return step
end

local function find_step(run_id, step_id)
  local place = redis.call('HGET', key_of('steps', run_id), step_id)
  return place and load_step(run_id, place) or nil
end

local function step_id_of(step)
  return step.ordinal .. ' ' .. step.name
end

-- The place of a new step, or nil: the run has a step of that name and number.
local function new_place(run, step_id)
  local place = run.places + 1
  if redis.call('HSETNX', key_of('steps', run.id), step_id, place) == 0 then return nil end
  put(run, 'places', place)
  return place
end

-- A new row, not saved yet. \`values\`: name, ordinal, kind, askedAfter and what the kind needs.
local function new_step(run, place, values)
  local member = 'step:' .. place .. ':' .. run.id
  local step = { key = step_key_of(run.id, place), dirty = {}, is_new = true, place = place, member = member }
  for counter in pairs(step_counters) do step[counter] = 0 end
  put_all(step, values)
  put(step, 'status', 'scheduled')
  put(step, 'createdAt', now)
  return step
end

-- Every change of a step has a revision of its own: a reader asks for what came after the one it knows.
local function touch_step(run, step)
  put(run, 'revision', run.revision + 1)
  put(run, 'updatedAt', now)
  put(step, 'revision', run.revision)
  redis.call('ZADD', key_of('changes', run.id), run.revision, step.place)
end

-- { 'step', run id, \`<ordinal> <name>\`, rpc name, attempt, dispatch }; the dispatch is never the same twice. Changes the row.
local function step_item(run, step)
  local dispatch = step.dispatch
  put(step, 'dispatch', dispatch + 1)
  return { 'step', run.id, step_id_of(step), step.rpcName, step.attempt + 1, dispatch }
end

-- Keep an attempt that ended without settling its step ('failed' with its error, or 'lost'); call it after touch_step.
local function add_attempt(run, step, outcome, failure)
  put(run, 'attempts', run.attempts + 1)
  local key = root .. ':attempt:' .. run.attempts .. ':' .. run.id
  redis.call('HSET', key, 'place', step.place, 'attempt', step.attempt, 'outcome', outcome, 'startedAt', step.startedAt or now,
    'endedAt', now, 'revision', step.revision)
  if step.worker then redis.call('HSET', key, 'worker', step.worker) end
  if failure then redis.call('HSET', key, 'error', failure) end
end

-- An attempt is lost with its worker. \`lost:<run id>\` knows the steps that a resume must clear.
local function count_loss(run, step)
  put(step, 'lost', step.lost + 1)
  redis.call('SADD', key_of('lost', run.id), step.place)
end
`

const part12 = `-- Settling: a step gets its place in the run's order, and nothing about it changes again.

-- In sorted sets whose members begin with a name, all members of one name lie together, in the order of their numbers.
local function named(name, number)
  return name .. '\\0' .. string.format('%012d', number)
end

-- The oldest number kept under the name, as text; nil if there is none.
local function oldest_named(key, name)
  local found = redis.call('ZRANGEBYLEX', key, '[' .. name .. '\\0', '(' .. name .. '\\1', 'LIMIT', 0, 1)[1]
  return found and string.format('%d', tonumber(string.sub(found, -12))) or nil
end

local function forget_open_step(run, step)
  if step.kind == 'sleep' then
    redis.call('ZREM', key_of('sleeps', run.id), step.place)
  elseif step.kind == 'inline' and step.dueAt then
    redis.call('ZREM', key_of('retries', run.id), step.place)
  elseif step.kind == 'suspend' then
    redis.call('ZREM', key_of('suspends', run.id), named(step.name, step.place))
  elseif step.kind == 'child' then
    redis.call('ZREM', key_of('children', run.id), step.childId)
  end
end

-- \`how\`: { output = … } succeeded; { error = … } or { reason = … } failed. Neither row is saved yet.
local function settle(run, step, how)
  touch_step(run, step)
  put(step, 'status', how.output and 'succeeded' or 'failed')
  put(step, 'output', how.output)
  put(step, 'error', how.error)
  put(step, 'reason', how.reason)
  put_all(step, { settledSeq = step.revision, settledAt = now })
  forget_open_step(run, step)
  drop_lease(step)
  silence(step)
  schedule_step(run, step)
end

-- Settle the due sleeps, earliest first: a slice of them, what is left is due for the next one. Answers how many.
local function settle_due_sleeps(run)
  local due = redis.call('ZRANGEBYSCORE', key_of('sleeps', run.id), '-inf', now, 'WITHSCORES', 'LIMIT', 0, 24)
  local sleeps = {}
  for i = 1, #due, 2 do sleeps[#sleeps + 1] = { place = tonumber(due[i]), at = tonumber(due[i + 1]) } end
  table.sort(sleeps, function(a, b) return a.at < b.at or (a.at == b.at and a.place < b.place) end)
  for _, sleep in ipairs(sleeps) do
    local step = load_step(run.id, sleep.place)
    settle(run, step, { output = '' })
    save(step)
  end
  return #sleeps
end
`

const part13 = `-- Runs that the engine suspended. Nobody claims their steps; a sweep that meets one puts it on the run's shelf
-- \`shelf:<run id>\`, and when the run goes on, the member \`*:<run id>\` of \`due:steps\` tells the sweep to take them back.

-- Over a loss limit: nobody goes on with this run before somebody resumes it.
local function suspend_over_limit(run, reason)
  move_run(run, 'suspended')
  put_all(run, { reason = reason, suspendedByEngine = '1', blockedForAll = '1' })
  drop_lease(run)
  silence(run)
  schedule_run(run)
end

-- The run goes on, whoever suspended it.
local function let_run(run)
  if run.suspendedByEngine and redis.call('EXISTS', key_of('shelf', run.id)) == 1 then
    redis.call('ZADD', root .. ':due:steps', now, '*:' .. run.id)
  end
  move_run(run, 'running')
  put(run, 'reason', nil)
  put(run, 'suspendedByEngine', nil)
end

-- For the sweep: out of the way of the steps of other runs.
local function shelve_step(run, step)
  index_row(step, step.place .. ':' .. run.id, 'shelf:' .. run.id, now)
end
`

const part14 = `-- Code hashes a run is suspended for: sorted, with U+0000 between; no text a caller hands in contains that.

local function is_blocked_for(run, code_hash)
  return run.blocked ~= nil and string.find('\\0' .. run.blocked .. '\\0', '\\0' .. code_hash .. '\\0', 1, true) ~= nil
end

local function block_for(run, code_hash)
  if is_blocked_for(run, code_hash) then return end
  local hashes = { code_hash }
  for hash in string.gmatch(run.blocked or '', '[^%z]+') do hashes[#hashes + 1] = hash end
  table.sort(hashes)
  put(run, 'blocked', table.concat(hashes, '\\0'))
end
`

const part15 = `-- What changed in a run after a revision, oldest first, cut before the answer grows too large.

-- While the script copies, the server waits.
local max_bytes, max_rows, row_bytes = 128 * 1024, 200, 256

local change_fields = {
  'revision', 'name', 'ordinal', 'kind', 'status', 'rpcName', 'inputDigest', 'output', 'error', 'reason', 'attempt',
  'lost', 'askedAfter', 'settledSeq', 'settledAt', 'dueAt',
}
-- Of these, the sizes count.
local sized = { 2, 6, 8, 9, 10 }
local signal_fields = { 'revision', 'signalId', 'name', 'payload' }

local function size_of(values, places)
  local bytes = row_bytes
  for i = 1, #places do
    local value = values[places[i]]
    if value then bytes = bytes + #value end
  end
  return bytes
end

local function read_change(run_id, member)
  if string.sub(member, 1, 1) == 's' then
    local values = redis.call('HMGET', root .. ':signal:' .. string.sub(member, 2) .. ':' .. run_id, unpack(signal_fields))
    return { 'signal', values }, size_of(values, { 2, 3, 4 })
  end
  local values = redis.call('HMGET', step_key_of(run_id, member), unpack(change_fields))
  return { 'step', values }, size_of(values, sized)
end

-- Told by its kind alone: its payload may be large, and there may be many of them.
local function is_own(run_id, member, is_new)
  return is_new and string.sub(member, 1, 1) ~= 's' and redis.call('HGET', step_key_of(run_id, member), 'kind') == 'inline'
end

-- \`how.at_least_one\`: for those who would not get on otherwise. \`how.own_after\`: the caller knows the inline steps that
-- changed after this revision, it wrote them. \`how.less\`: so many rows less, for who has worked before. All rows must be
-- saved. Answers { revision, more, rows }, and how much text they have.
local function read_changes(run, after, how)
  local rows, bytes, revision, offset = {}, 0, after, 0
  local most = max_rows - (how.less or 0)
  while true do
    local found = redis.call('ZRANGEBYSCORE', key_of('changes', run.id), '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', offset, 40)
    for i = 1, #found, 2 do
      local member, changed_at = found[i], tonumber(found[i + 1])
      if not is_own(run.id, member, how.own_after and changed_at > how.own_after) then
        local change, size = read_change(run.id, member)
        bytes = bytes + size
        local full = bytes > max_bytes or #rows >= most
        if full and not (how.at_least_one and #rows == 0) then return { revision, '1', rows }, bytes end
        rows[#rows + 1] = change
      end
      revision = changed_at
    end
    if #found < 80 then return { run.revision, '0', rows }, bytes end
    offset = offset + 40
  end
end
`

const part16 = `-- A run as a reader sees it. The order is that of \`runFields\` in src/rows.ts.

local shown_fields = {
  'workflow', 'status', 'input', 'inputDigest', 'output', 'error', 'reason', 'tags', 'parentId', 'parentStep',
  'parentOnEnd', 'crashes', 'createdAt', 'updatedAt', 'endedAt',
}
-- Of these, the payloads; and those that a run has which goes on.
local payloads, open_payloads = { 3, 5, 6 }, { 3 }
local max_payload_bytes = 64 * 1024

-- While the script copies, the server waits: payloads too large for that are left out, then '1' follows the fields.
local function show_run(run_id, sized)
  local key, bytes = key_of('run', run_id), 0
  for _, at in ipairs(sized or payloads) do bytes = bytes + redis.call('HSTRLEN', key, shown_fields[at]) end
  if bytes <= max_payload_bytes then
    spend(read_cost(0, bytes))
    return redis.call('HMGET', key, unpack(shown_fields))
  end
  local fields = { unpack(shown_fields) }
  -- A name no field has: its value is nil.
  for _, at in ipairs(payloads) do fields[at] = '-' end
  local values = redis.call('HMGET', key, unpack(fields))
  values[#fields + 1] = '1'
  return values
end
`

const part17 = `-- Attempts of rpc steps that end without settling them.

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
`

const part18 = `-- Waking a run: it has something to read that it did not ask for itself.

local function ring_run(run)
  if not run.leaseUntil then ring_now(run) end
  schedule_run(run)
  return run_item(run)
end

-- An item only if nobody was told before that there is something to read; else nil.
local function wake_run(run)
  local told = run.wakeSeq > run.readWakeSeq or run.rungAt ~= nil
  put(run, 'wakeSeq', run.wakeSeq + 1)
  if told then return nil end
  return ring_run(run)
end
`

const part19 = `-- Renewal of a lease. Never shortens one.
local function renew(run, row, lease_ms)
  -- A sweep that found its owner gone has taken it out of what the owner holds: it is back.
  if not is_leased_now(row) then redis.call('SADD', key_of('held', row.owner), row.member) end
  put(row, 'leaseUntil', math.max(row.leaseUntil, now + lease_ms))
  if row == run then schedule_run(run) else schedule_step(run, row) end
  save(row)
end
`

export const scripts: Readonly<Record<ScriptName, Script>> = {
  'adopt-child': {
    sha: '34438a7fd1a0b8f482a45573c9e02b06b6ffdd58',
    takesCalls: false,
    text:
      `-- A run is to be told when this one ends, because it says that it is its child and is not to outlive it.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, parent's run id, child's run id
-- returns '1', or nil: the parent is over, or never was
-- called by createRun, for a run created with a parent
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      `local parent = load_run(ARGV[2])
if not parent or is_ended(parent) then return nil end
-- Its place among the parent's steps is 0: it has none, and nobody waits for it to be rung.
redis.call('ZADD', key_of('children', parent.id), 'NX', 0, ARGV[3])
return '1'
`,
  },
  'cancel-run': {
    sha: '09bfd5bf39c5afe2ebbcb5839de6576a5289cbc6',
    takesCalls: false,
    text:
      `-- End a run from outside.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, call id (the same when the call is repeated), reason
-- returns nil: unknown or ended already; else the entries of the outbox to deliver (end-run.lua)
-- called by cancelRun
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part7 +
      part8 +
      part9 +
      `local run = load_run(ARGV[2])
if not run then return nil end
local how = { reason = ARGV[4] }
if is_ended(run) then return run.endCall == ARGV[3] and end_effects(run, how) or nil end
put(run, 'endCall', ARGV[3])
local entries = end_run(run, 'cancelled', how)
save(run)
return entries
`,
  },
  'claim-run': {
    sha: '2ca29b02f99bf84fb78abfa0f158957cd1c97694',
    takesCalls: true,
    text:
      `-- Take the run's lease, settle its due sleeps, and read what changed.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, owner, claim id, lease in ms, revision known, crash limit, the reason beyond it,
--         (workflow, code hash) … the worker has
-- returns for each nil, 'parent' (its parent has ended), or { now, epoch, wakeSeq, the run (show.lua), changes (changes.lua) }
-- called by claimRun
` +
      part1 +
      part10 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part11 +
      part12 +
      part13 +
      part14 +
      part15 +
      part16 +
      `local function is_for_worker(run)
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
`,
  },
  'claim-step': {
    sha: 'f85764b9585266e8b92e0ef969e136694a1accee',
    takesCalls: true,
    text:
      `-- Take the lease of an rpc step that is due and unclaimed, or whose lease ran out.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, step (\`<ordinal> <name>\`), owner, claim id, lease in ms, loss limit, the reason beyond it,
--         names of the functions the worker has …
-- returns for each nil, or { epoch, workflow, rpc name, retries, retry delay in ms, attempt, lost, input or nil when it is too large }
-- called by claimStep
` +
      part1 +
      part10 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part11 +
      part17 +
      part13 +
      `-- While the script copies, the server waits: a large input is read after it.
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
`,
  },
  'clock': {
    sha: '69bf6a0de61adbadeb54d612b1c0bc3df91d6516',
    takesCalls: false,
    text:
      `-- The server's clock: what the time left until a timer is told by.
-- KEYS[1] the bucket's root
-- ARGV    clock offset
-- returns now, in ms
-- called by listSteps
` +
      part1 +
      `return now
`,
  },
  'commit-run': {
    sha: 'e154771d7017ca08fc5746e7b838b6bb6960ed6f',
    takesCalls: true,
    text:
      `-- Apply a turn of a held run. A large turn comes in parts: each is applied at once and whole, the last one leaves.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, claim id, epoch, turn, part from 0, revision known, move ('part' for all but the last), the
--         wakeSeq read, delay in ms, '1' with a text, output or error or reason, '1' with a code hash, code hash,
--         how many records, the records, the plans (both: turn.lua)
-- returns for each 'LEASE_LOST', or { 'part' or 'held' or 'released', now, { record from 1, settledSeq, settledAt } …,
--         { plan from 1, entry to deliver or '' } … of the rpc and child steps it made, entries (end-run.lua), items,
--         wakeSeq, changes (changes.lua) or nil }
-- called by commitRun
` +
      part1 +
      part10 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part11 +
      part12 +
      part7 +
      `-- What a turn asks for, put into rows. All of a turn that is asked again is found as it was written.

local record_width, plan_width = 9, 12

-- { name, ordinal, askedAfter } stand first in both.
local function asked_at(at)
  return { name = given[at + 1], ordinal = tonumber(given[at + 2]), askedAfter = tonumber(given[at + 3]) }
end

-- An inline step that is over when it is first heard of is written at one go, its numbers as the text they came as: what
-- \`record_inline\` does otherwise.
local function insert_settled(run, place, at)
  local is_good, revision = given[at] == 'succeeded', run.revision + 1
  put(run, 'revision', revision)
  local seq, clock = tostring(revision), tostring(now)
  redis.call('ZADD', key_of('changes', run.id), seq, place)
  redis.call('HSET', step_key_of(run.id, place), 'name', given[at + 1], 'ordinal', given[at + 2], 'kind', 'inline',
    'askedAfter', given[at + 3], 'attempt', given[at + 4], 'worker', run.owner, 'createdAt', clock,
    'startedAt', now - tonumber(given[at + 7]), 'status', is_good and 'succeeded' or 'failed',
    is_good and 'output' or 'error', given[at + 5], 'settledSeq', seq, 'settledAt', clock, 'revision', seq)
  return { kind = 'inline', place = place, settledSeq = revision, settledAt = now }
end

-- An inline step's ended attempt: { outcome, name, ordinal, askedAfter, attempt, payload, delay, duration, - }. A settled row is
-- left as it is. Answers the step if this settled it.
local function record_inline(run, at)
  local outcome, payload = given[at], given[at + 5]
  local step_id = given[at + 2] .. ' ' .. given[at + 1]
  local place, step = new_place(run, step_id), nil
  if place and outcome ~= 'retry' then return insert_settled(run, place, at) end
  if place then
    local values = asked_at(at)
    values.kind = 'inline'
    step = new_step(run, place, values)
  else
    step = find_step(run.id, step_id)
  end
  if step.kind ~= 'inline' or step.settledSeq then return nil end
  put_all(step, { attempt = tonumber(given[at + 4]), worker = run.owner, startedAt = now - tonumber(given[at + 7]) })
  if outcome == 'retry' then
    touch_step(run, step)
    put_all(step, { error = payload, dueAt = now + tonumber(given[at + 6]) })
    redis.call('ZADD', key_of('retries', run.id), step.dueAt, step.place)
    add_attempt(run, step, 'failed', payload)
  else
    settle(run, step, outcome == 'succeeded' and { output = payload } or { error = payload })
  end
  save(step)
  return step.settledSeq and step or nil
end

-- A signal that waited for this step is consumed by it. Answers how many.
local function schedule_suspend(run, step)
  local inbox = key_of('inbox', run.id)
  local number = oldest_named(inbox, step.name)
  if not number then
    touch_step(run, step)
    redis.call('ZADD', key_of('suspends', run.id), 0, named(step.name, step.place))
    return 0
  end
  local kept = root .. ':signal:' .. number .. ':' .. run.id
  settle(run, step, { output = redis.call('HGET', kept, 'payload') })
  redis.call('ZREM', inbox, named(step.name, tonumber(number)))
  redis.call('ZREM', key_of('changes', run.id), 's' .. number)
  redis.call('HDEL', kept, 'signalId', 'name', 'payload', 'revision')
  return 1
end

local function start_entry_of(run, step)
  return 'start:' .. run.createdAt .. ':' .. step.place .. ':' .. run.id
end

-- The child's own row is made in its bucket, from the entry.
local function schedule_child(run, step, at)
  touch_step(run, step)
  local child, parent, on_end = given[at + 4], given[at + 9], given[at + 11]
  if on_end == 'cancel' and parent == run.id then redis.call('ZADD', key_of('children', run.id), step.place, child) end
  post(start_entry_of(run, step), 'kind', 'start', 'runId', child, 'workflow', given[at + 5], 'input', given[at + 6],
    'inputDigest', given[at + 7], 'tags', given[at + 8], 'parentId', parent, 'parentStep', given[at + 10], 'parentOnEnd', on_end)
end

-- { kind, name, ordinal, askedAfter, then
--   rpc:   rpc name, input, input digest, retries, retry delay
--   sleep: delay
--   child: run id, workflow, input, input digest, tags, parent's run id, parent's step, onEnd }
-- A step that has its row already is left alone. Answers the step if this made it, and how many signals it consumed.
local function schedule_plan(run, at)
  local kind = given[at]
  local place = new_place(run, given[at + 2] .. ' ' .. given[at + 1])
  if not place then return nil, 0 end
  local values = asked_at(at)
  values.kind = kind
  local consumed = 0
  local step
  if kind == 'rpc' then
    values.rpcName, values.input, values.inputDigest = given[at + 4], given[at + 5], given[at + 6]
    values.retries, values.retryDelayMs = given[at + 7], given[at + 8]
    step = new_step(run, place, values)
    put(step, 'dispatch', 1)
    touch_step(run, step)
    ring_now(step)
    schedule_step(run, step)
  elseif kind == 'sleep' then
    values.dueAt = now + tonumber(given[at + 4])
    step = new_step(run, place, values)
    touch_step(run, step)
    redis.call('ZADD', key_of('sleeps', run.id), step.dueAt, step.place)
  elseif kind == 'suspend' then
    step = new_step(run, place, values)
    consumed = schedule_suspend(run, step)
  else
    values.childId, values.rpcName, values.inputDigest = given[at + 4], given[at + 5], given[at + 7]
    step = new_step(run, place, values)
    schedule_child(run, step, at)
  end
  save(step)
  return step, consumed
end

-- The earliest timer that only a turn of the run can serve: a sleep's or an inline retry's.
local function next_timer_of(run)
  local sleep = redis.call('ZRANGE', key_of('sleeps', run.id), 0, 0, 'WITHSCORES')[2]
  local retry = redis.call('ZRANGE', key_of('retries', run.id), 0, 0, 'WITHSCORES')[2]
  if sleep and retry then return math.min(tonumber(sleep), tonumber(retry)) end
  local one = sleep or retry
  return one and tonumber(one) or nil
end
` +
      part13 +
      part14 +
      part18 +
      part15 +
      part9 +
      `local run_id, claim_id, epoch, turn, part, after, move, wake_seq, delay, text, code_hash, records, first_plan, plans
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
`,
  },
  'create-run': {
    sha: '25b5e69c3d4137c62d02536c147d3d1deb4048b1',
    takesCalls: true,
    text:
      `-- Insert a run, rung, or find the one that has the id.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, call id (the same when the call is repeated), workflow, input, input digest, tags as text,
--         parent's run id, parent's step, onEnd ('' without a parent), '1' if that parent is known to be over, tags …
-- returns for each { '1', item, now } created, or { '0', item or nil if it has ended, the run as \`show.lua\` shows it }
-- called by createRun, and to deliver a child's start
` +
      part1 +
      part10 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part7 +
      part8 +
      part9 +
      part16 +
      `-- Its parent does not know: it has asked anew, after it lost the end of its past (or heard nothing of it yet).
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
`,
  },
  'delete-run': {
    sha: 'dfd50a774acaee54bb5ba1257e5a34f24ed12de5',
    takesCalls: false,
    text:
      `-- Delete an ended run and everything that belongs to it: a slice of it, the run itself last.
-- KEYS[1] the bucket's root
-- ARGV    clock offset (unused), run id, when it ended, its tags …
-- returns '1' deleted, '0' there is more of it, nil: somebody else has deleted it
-- called by deleteRuns
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part8 +
      part11 +
      `local run_id = ARGV[2]
local slice = 100

local function delete_step(place)
  local key = step_key_of(run_id, place)
  local step = redis.call('HMGET', key, 'indexed', 'owner')
  if step[1] then redis.call('ZREM', root .. ':' .. step[1], place .. ':' .. run_id) end
  if step[2] then redis.call('SREM', key_of('held', step[2]), 'step:' .. place .. ':' .. run_id) end
  redis.call('UNLINK', key)
end

-- Counts the run's field down to 0, one deletion each, as far as the slice goes.
local function delete_numbered(run, field, delete)
  while slice > 0 and run[field] > 0 do
    delete(run[field])
    put(run, field, run[field] - 1)
    slice = slice - 1
  end
end

local run = load_run(run_id)
if not run or not is_ended(run) or redis.call('HGET', run.key, 'endedAt') ~= ARGV[3] then return nil end
delete_numbered(run, 'places', delete_step)
delete_numbered(run, 'attempts', function(number) redis.call('UNLINK', root .. ':attempt:' .. number .. ':' .. run_id) end)
delete_numbered(run, 'signals', function(number) redis.call('UNLINK', root .. ':signal:' .. number .. ':' .. run_id) end)
if slice == 0 then
  save(run)
  return '0'
end

redis.call('ZREM', root .. ':runs', run_id)
redis.call('ZREM', key_of('runs:of', run.workflow), run_id)
redis.call('ZREM', key_of('runs:is', run.status), run_id)
redis.call('ZREM', key_of('ended', run.status), run_id)
for i = 4, #ARGV do redis.call('ZREM', key_of('runs:tag', ARGV[i]), run_id) end
for _, kind in ipairs({ 'run', 'steps', 'changes', 'sleeps', 'retries', 'suspends', 'shelf', 'lost', 'children', 'signals', 'inbox' }) do
  redis.call('UNLINK', key_of(kind, run_id))
end
return '1'
`,
  },
  'enlist': {
    sha: 'c36290d6f66039c8d11e66e67fc111845a3dbda8',
    takesCalls: false,
    text:
      `-- Write an owner down as alive. By then its process is subscribed to the owner's channel.
-- KEYS[1] the first bucket's root: that one knows the owners of all
-- ARGV    clock offset (unused), owner
-- returns nothing
-- called by enlist
` +
      part2 +
      `redis.call('HSET', root .. ':owners', ARGV[2], '')
`,
  },
  'forget-owners': {
    sha: '6e66d70aa8d7c7fab0b65cbb18b33225e98fbda8',
    takesCalls: false,
    text:
      `-- Forget dead owners that hold nothing any more.
-- KEYS[1] the first bucket's root: that one knows the owners of all
-- ARGV    clock offset (unused), owner …
-- returns nothing
-- called by sweep
` +
      part2 +
      `for i = 2, #ARGV do
  local mark = redis.call('HGET', root .. ':owners', ARGV[i])
  -- It may have come back meanwhile.
  if mark and mark ~= '' then redis.call('HDEL', root .. ':owners', ARGV[i]) end
end
`,
  },
  'note-owners': {
    sha: 'c184d3d7836d7311846b55a83b67c12fd87ec127',
    takesCalls: false,
    text:
      `-- Note which owners are gone, since when, and tell which of them count as dead: missed twice, the grace apart.
-- KEYS[1] the first bucket's root: that one knows the owners of all
-- ARGV    clock offset, grace in ms, (owner, '1' if somebody is subscribed to its channel) …
-- returns { ms until the next one's grace is over or nil, dead owners … }
-- called by sweep
` +
      part1 +
      part2 +
      `local grace_ms, owners = tonumber(ARGV[2]), root .. ':owners'

local next_at, dead = nil, {}
for i = 3, #ARGV, 2 do
  local owner, alive = ARGV[i], ARGV[i + 1] == '1'
  local mark = redis.call('HGET', owners, owner)
  if alive and mark and mark ~= '' then redis.call('HSET', owners, owner, '') end
  if not alive and mark then
    if mark == '' then redis.call('HSET', owners, owner, now) end
    local over_at = (tonumber(mark) or now) + grace_ms
    if over_at <= now then
      dead[#dead + 1] = owner
    else
      next_at = math.min(next_at or over_at, over_at)
    end
  end
end
return { next_at and next_at - now or false, unpack(dead) }
`,
  },
  'open-store': {
    sha: 'eaeef7ddad3491a679705e04f30909aadad67c92',
    takesCalls: false,
    text:
      `-- The prefix is taken, or found as somebody took it: how many buckets its runs lie in never changes.
-- KEYS[1] the prefix's hash \`<prefix>:meta\`
-- ARGV    clock offset (unused), the buckets to take it with, the version of this code
-- returns { buckets, version }, as they stand
-- called by the link, once before its first call
local found = redis.call('HMGET', KEYS[1], 'buckets', 'version')
if found[1] and found[2] then return { found[1], found[2] } end
redis.call('HSET', KEYS[1], 'buckets', ARGV[2], 'version', ARGV[3])
return { ARGV[2], ARGV[3] }
`,
  },
  'orphan-run': {
    sha: 'fc553e4ef705f22be91c953be1f1465787321c04',
    takesCalls: false,
    text:
      `-- A parent has ended, and this run is not to outlive it: from now on whoever claims it is told to end it.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, child's run id, parent's run id, '1' if it is to be rung
-- returns the item, or nil: nothing to ring
-- called to deliver an entry of the outbox, and by createRun
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part8 +
      part18 +
      `local run = load_run(ARGV[2])
if not run or is_ended(run) or run.parentId ~= ARGV[3] or run.parentOnEnd ~= 'cancel' then return nil end
put(run, 'orphaned', '1')
local item
if ARGV[4] == '1' then
  item = ring_run(run)
else
  schedule_run(run)
end
save(run)
return item or nil
`,
  },
  'outbox-done': {
    sha: '0736c0071ea1975900e43fec4f689b08d03b5211',
    takesCalls: false,
    text:
      `-- An entry was delivered, or some of its children were told.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, entry id, for how long it is kept to be delivered once more in ms (0: it goes at once),
--         (child told, its place) …
-- returns nil: the entry is gone, or kept; 'more': it has more children; 'orphan': the child was started, but its parent has
--         ended meanwhile: the entry tells it so now, deliver it again
-- called after each delivery
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part7 +
      `local id, keep_ms = ARGV[2], tonumber(ARGV[3])
local entry = redis.call('HMGET', key_of('entry', id), 'kind', 'runId', 'parentId', 'parentOnEnd', 'delivered')
if not entry[1] then return nil end
if entry[1] == 'start' and entry[4] == 'cancel' then
  local parent = load_run(entry[3])
  if not parent or is_ended(parent) then
    local orphans = key_of('orphans', id)
    redis.call('UNLINK', key_of('entry', id))
    redis.call('HSET', key_of('entry', id), 'kind', 'orphans', 'runId', entry[3])
    redis.call('ZADD', orphans, 1, entry[2])
    return 'orphan'
  end
end
local is_last = keep_ms == 0 or entry[5]
for i = 4, #ARGV, 2 do
  redis.call('ZREM', key_of('orphans', id), ARGV[i])
  if not is_last then redis.call('ZADD', key_of('told', id), ARGV[i + 1], ARGV[i]) end
end
if redis.call('EXISTS', key_of('orphans', id)) == 1 then return 'more' end
if is_last then unpost(id) else keep(id, keep_ms) end
return nil
`,
  },
  'outbox-read': {
    sha: 'acd223f0342807828e9d3f77e63b95646a57fad4',
    takesCalls: false,
    text:
      `-- Everything a delivery needs.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, entry id
-- returns nil: delivered by another, or not worth delivering once more; else { { field, value, … },
--         { child's run id, place, … } }, at most 100 children of an entry of the kind 'orphans'
-- called to deliver an entry of the outbox
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part8 +
      part11 +
      part7 +
      `local id = ARGV[2]

-- Its parent knows how the child ended, which may be deleted by now, or does not care any more.
local function is_over()
  local place, run_id = string.match(id, '^start:%d+:(%d+):(.*)$')
  local run = place and load_run(run_id)
  if not run or is_ended(run) then return true end
  local step = load_step(run_id, place)
  return not step or step.settledSeq ~= nil
end

local entry = redis.call('HGETALL', key_of('entry', id))
if #entry == 0 then return nil end
local about = redis.call('HMGET', key_of('entry', id), 'kind', 'delivered')
if about[1] == 'start' and about[2] and is_over() then
  unpost(id)
  return nil
end
return { entry, redis.call('ZRANGE', key_of('orphans', id), 0, 99, 'WITHSCORES') }
`,
  },
  'read-changes': {
    sha: '4e79dc3e135d7b5576e40fe465165c521101236f',
    takesCalls: false,
    text:
      `-- What changed in a run after a revision, a page of it.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, revision known
-- returns { now, changes (changes.lua) }, or nil: there is no such run
-- called by readChanges
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part8 +
      part11 +
      part15 +
      `local run = load_run(ARGV[2])
if not run then return nil end
local changes = read_changes(run, ARGV[3], { at_least_one = true })
return { now, changes }
`,
  },
  'read-input': {
    sha: '55cd95c1f0ca28fdb44888cabfe4e7e20f6fe282',
    takesCalls: false,
    text:
      `-- The input of an rpc step, when it was too large to come with its claim.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, step (\`<ordinal> <name>\`)
-- returns nil: there is no such step; else its input
-- called by claimStep
` +
      part2 +
      `local place = redis.call('HGET', key_of('steps', ARGV[2]), ARGV[3])
return place and redis.call('HGET', step_key_of(ARGV[2], place), 'input')
`,
  },
  'record-step': {
    sha: 'e0498eea9f612b424e38b48058041ee63a83647f',
    takesCalls: true,
    text:
      `-- The turn that is nearly every turn: one inline step that settled, a lease that is kept, and nothing that the holder has
-- not been told. Whatever is otherwise with it (news, a timer that is due, a row that is there, a lease that is lost, a turn
-- applied before) leaves everything as it is: commit-run.lua decides about it. What both write is the same.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, claim id, epoch, turn, revision known, outcome, name, ordinal, askedAfter, attempt,
--         payload, duration
-- returns for each '<now> <wakeSeq>' (one text is read faster than a list of two), or 'OTHER': nothing was written
-- called by commitRun
` +
      part1 +
      part10 +
      part2 +
      part4 +
      `
local function find_run(run_id)
  local key = key_of('run', run_id)
  local found = redis.call('HMGET', key, 'status', 'node', 'claimId', 'epoch', 'leaseUntil', 'turnClaim', 'turn', 'revision',
    'crashes', 'wakeSeq', 'places', 'owner')
  return key, found
end

-- \`found\`: as find_run reads it.
local function is_usual(found, claim_id, epoch, turn, after)
  local last_turn = found[6] == claim_id and found[7] or '0'
  return found[1] == 'running' and (not server or found[2] == server) and found[3] == claim_id and found[4] == epoch
    and found[5] and tonumber(turn) == tonumber(last_turn) + 1 and found[8] == after and (found[9] or '0') == '0'
end

return answer_each(function()
  local run_id, claim_id, turn = given[1], given[2], given[4]
  local run_key, found = find_run(run_id)
  if not is_usual(found, claim_id, given[3], turn, given[5]) then return 'OTHER' end
  local sleeps = key_of('sleeps', run_id)
  if #redis.call('ZRANGEBYSCORE', sleeps, '-inf', now, 'LIMIT', 0, 1) > 0 then return 'OTHER' end
  local name, ordinal = given[7], given[8]
  local revision, wake_seq, places = found[8], found[10] or '0', found[11] or '0'
  local place = tostring(tonumber(places) + 1)
  if redis.call('HSETNX', key_of('steps', run_id), ordinal .. ' ' .. name, place) == 0 then return 'OTHER' end
  local seq, clock = tostring(tonumber(revision) + 1), tostring(now)
  local outcome = given[6]
  redis.call('ZADD', key_of('changes', run_id), seq, place)
  redis.call('HSET', step_key_of(run_id, place), 'name', name, 'ordinal', ordinal, 'kind', 'inline', 'askedAfter', given[9],
    'attempt', given[10], 'worker', found[12], 'createdAt', clock, 'startedAt', tostring(now - tonumber(given[12])),
    'status', outcome, outcome == 'succeeded' and 'output' or 'error', given[11], 'settledSeq', seq, 'settledAt', clock,
    'revision', seq)
  redis.call('HSET', run_key, 'revision', seq, 'places', place, 'readWakeSeq', wake_seq, 'updatedAt', clock, 'turnClaim',
    claim_id, 'turn', turn, 'turnPart', '0', 'turnBefore', revision, 'turnPlaces', places, 'turnSettled', '0', 'turnEnd', 'held')
  return clock .. ' ' .. wake_seq
end)
`,
  },
  'release-step': {
    sha: '34ffd391b05cc034dc68ac59ee656595be935b8f',
    takesCalls: false,
    text:
      `-- Give a claimed rpc step back unfinished.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, step (\`<ordinal> <name>\`), claim id, epoch, '1' if its function was entered, delay in ms
-- returns nil: not held like this; else { item or nil }
-- called by releaseStep
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part11 +
      part17 +
      `local run_id, step_id, claim_id, epoch = ARGV[2], ARGV[3], ARGV[4], tonumber(ARGV[5])
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
`,
  },
  'renew-leases': {
    sha: 'eaef09e08266ab2ef132527704f318c2f787f701',
    takesCalls: false,
    text:
      `-- Extend leases: a slice of them, the server waits meanwhile.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, lease in ms, (run id, step \`<ordinal> <name>\` or '' for the lease of the run, claim id, epoch) …
-- returns by the lease's place: 0 renewed, 1 lost, 2 renewed, and the run has news its holder has not read
-- called by renewLeases
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part11 +
      part19 +
      `local lease_ms = tonumber(ARGV[2])

local function verdict_of(run_id, step_id, claim_id, epoch)
  local run = load_run(run_id)
  if not run or is_ended(run) then return 1 end
  local row = run
  if step_id ~= '' then row = find_step(run_id, step_id) end
  if not row or not is_held_by(row, epoch, claim_id) then return 1 end
  renew(run, row, lease_ms)
  return row == run and run.wakeSeq > run.readWakeSeq and 2 or 0
end

local verdicts = {}
for i = 3, #ARGV, 4 do
  verdicts[#verdicts + 1] = verdict_of(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]))
end
return verdicts
`,
  },
  'renew-owned': {
    sha: '33b0808ff92287533da13e911c1e9d611a3c83ae',
    takesCalls: false,
    text:
      `-- Extend every lease an owner has in this bucket, also those it has only just been given.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, owner, lease in ms
-- returns how many it extended
-- called by the thread that stands in for a blocked main thread
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part11 +
      part19 +
      `local owner, lease_ms = ARGV[2], tonumber(ARGV[3])

local extended = 0
for _, member in ipairs(redis.call('SMEMBERS', key_of('held', owner))) do
  local run_id, place = string.match(member, '^run:(.*)$'), nil
  if not run_id then place, run_id = string.match(member, '^step:(%d+):(.*)$') end
  local run = load_run(run_id)
  local row = run
  if run and place then row = load_step(run_id, place) end
  if row and row.owner == owner and row.leaseUntil and not is_ended(run) then
    renew(run, row, lease_ms)
    extended = extended + 1
  end
end
return extended
`,
  },
  'resume-run': {
    sha: '1b0fd127f663f87f50479ca9d6991ce66bbb1497',
    takesCalls: false,
    text:
      `-- Let a run go on that the engine suspended, with its counters of crashes and losses cleared.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id
-- returns nil: unknown or ended; 'more': call again, some losses are not cleared yet; else { item }
-- called by signalRun (resume)
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part13 +
      part11 +
      part18 +
      `local max_steps = 40

local run = load_run(ARGV[2])
if not run or is_ended(run) then return nil end

local lost = key_of('lost', run.id)
local places = redis.call('SMEMBERS', lost)
table.sort(places, function(a, b) return tonumber(a) < tonumber(b) end)
for i = 1, math.min(#places, max_steps) do
  local step = load_step(run.id, places[i])
  if not step.settledSeq and step.lost > 0 then
    -- What was lost goes on costing no retries.
    put(step, 'retries', tonumber(redis.call('HMGET', step.key, 'retries')[1]) + step.lost)
    put(step, 'lost', 0)
    touch_step(run, step)
    save(step)
  end
  redis.call('SREM', lost, places[i])
end
if #places > max_steps then
  save(run)
  return 'more'
end

put(run, 'blocked', nil)
put(run, 'blockedForAll', nil)
put(run, 'crashes', 0)
if run.suspendedByEngine then let_run(run) end
put(run, 'wakeSeq', run.wakeSeq + 1)
-- In any case: nobody expects this run.
local item = ring_run(run)
save(run)
return { item }
`,
  },
  'settle-child': {
    sha: 'e8b6ba4f32cddf920191368742d0fdbe2d3b2269',
    takesCalls: false,
    text:
      `-- A child has ended: settle its parent's step, and wake the parent.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, parent's run id, parent's step, child's run id, entry id, 'output' or 'error' or 'reason', its text
-- returns the item, or nil: settled already, not waited for (any more), or the parent knows already that there is news
-- called to deliver an entry of the outbox
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part11 +
      part12 +
      part18 +
      `local child, entry = ARGV[4], ARGV[5]
local run = load_run(ARGV[2])
if not run or is_ended(run) then return nil end
redis.call('ZREM', key_of('children', run.id), child)
local step = find_step(run.id, ARGV[3])
if not step or step.kind ~= 'child' or step.childId ~= child then return nil end
if step.settledSeq then
  -- Delivered before, and the answer was lost.
  local before = redis.call('HMGET', step.key, 'settledBy', 'rang')
  return before[1] == entry and before[2] and run_item(run) or nil
end
settle(run, step, { [ARGV[6]] = ARGV[7] })
local item = wake_run(run)
put(step, 'settledBy', entry)
put(step, 'rang', item and '1' or nil)
save(step)
save(run)
return item or nil
`,
  },
  'settle-step': {
    sha: '563625a6cca21cce3e4438e11e7d016970cab557',
    takesCalls: true,
    text:
      `-- Record how the attempt of an rpc step ended and, if it is settled by that, wake its run.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, step (\`<ordinal> <name>\`), claim id, epoch, 'succeeded', 'failed' or 'retry',
--         its output or error, delay in ms (retry)
-- returns for each nil: superseded, settled already or its run has ended; else { settledSeq or nil, item or nil }
-- called by settleStep
` +
      part1 +
      part10 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part11 +
      part17 +
      part12 +
      part18 +
      `local function finish(run, step)
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
`,
  },
  'signal-run': {
    sha: '67abbd930f3f2f691ea420d8fd303eb89af36887',
    takesCalls: false,
    text:
      `-- Settle the oldest open suspend step of the signal's name, or keep the signal for the next one.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, call id (the same when the call is repeated), signal id, name, payload
-- returns nil: not accepted; else { item or nil }
-- called by signalRun
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part11 +
      part12 +
      part13 +
      part18 +
      `local run_id, call_id, signal_id, name, payload = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local function kept_key(number)
  return root .. ':signal:' .. number .. ':' .. run_id
end

local run = load_run(run_id)
if not run then return nil end
local known = redis.call('HGET', key_of('signals', run_id), signal_id)
if known then
  local kept = redis.call('HMGET', kept_key(known), 'call', 'rang')
  if kept[1] ~= call_id then return nil end
  return { kept[2] and run_item(run) or false }
end
if is_ended(run) then return nil end

put(run, 'signals', run.signals + 1)
local number = run.signals
redis.call('HSET', key_of('signals', run_id), signal_id, number)
redis.call('HSET', kept_key(number), 'call', call_id)

local place = oldest_named(key_of('suspends', run_id), name)
if place then
  local step = load_step(run_id, place)
  settle(run, step, { output = payload })
  save(step)
else
  put(run, 'revision', run.revision + 1)
  redis.call('HSET', kept_key(number), 'signalId', signal_id, 'name', name, 'payload', payload, 'revision', run.revision)
  redis.call('ZADD', key_of('changes', run_id), run.revision, 's' .. number)
  redis.call('ZADD', key_of('inbox', run_id), 0, named(name, number))
end

if run.status == 'suspended' and not run.suspendedByEngine then let_run(run) end
put(run, 'updatedAt', now)
local item = wake_run(run)
if item then redis.call('HSET', kept_key(number), 'rang', '1') end
save(run)
return { item or false }
`,
  },
  'sweep': {
    sha: '562884520fd6c5d5e06f5e9df2fd9afef2bee3f3',
    takesCalls: false,
    text:
      `-- Find what ought to be moving and is not, and stamp it: a slice of it, the server waits meanwhile.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, redispatch window in ms, how many of each kind: runs, runs held by the dead, orphans, steps, steps
--         held by the dead, how many dead owners, their names …, (workflow, code hash) … the worker has
-- returns { items, how many of each kind, by kind: '1' if there is more of it, '1' if this was cut at the slice,
--         ms until the next thing is due or nil, outbox entries to deliver, '1' if dead owners hold something yet }
-- called by sweep
` +
      part1 +
      part2 +
      part3 +
      part4 +
      part5 +
      part6 +
      part8 +
      part13 +
      part11 +
      `local window = math.max(1, tonumber(ARGV[2]))
local dead_owners = tonumber(ARGV[8])
local first_known = 9 + dead_owners
local rung_before = now - window
-- Entries of the outbox that whoever wrote them has not delivered by then.
local outbox_ms, outbox_limit = 1000, 20
-- How many rows one call may look at.
local budget = 25

local items = {}
local runs = {}

-- Steps of one run often come together.
local function run_of(run_id)
  if runs[run_id] == nil then runs[run_id] = load_run(run_id) or false end
  return runs[run_id]
end

-- Where the sweep looks for something: \`from\` is the index, in which it is due up to \`before\`; \`wait\` after its score.
local function source(from, is_rung)
  return { from = from, key = root .. ':' .. from, before = is_rung and rung_before or now, wait = is_rung and window or 0 }
end

local function drop_entry(from, member)
  redis.call('ZREM', from.key, member)
end

local function stamp_run(from, member)
  local run = run_of(member)
  -- Else it is what is left of a run that was deleted.
  if not run or run.indexed ~= from.from then return drop_entry(from, member) end
  local index, score = run_index(run)
  local item
  if index == from.from and score <= from.before then
    ring_again(run, window)
    item = run_item(run)
  end
  schedule_run(run)
  save(run)
  return item
end

-- A run that ended leaves its steps in the indexes: here they go.
local function drop_step(from, member, step)
  if not step or step.indexed ~= from.from then return drop_entry(from, member) end
  if step.leaseUntil then drop_lease(step) end
  index_row(step, member, nil)
  save(step)
end

-- The run goes on: its steps come back from the shelf, where they were put while it did not.
local function unshelve(from, member, run)
  local places = {}
  if run and not run.suspendedByEngine then
    places = redis.call('ZRANGE', key_of('shelf', run.id), 0, 19)
    budget = budget - #places
  end
  for _, shelved in ipairs(places) do
    local step = load_step(run.id, string.match(shelved, '^(%d+):'))
    if step and step.indexed == 'shelf:' .. run.id then
      schedule_step(run, step)
      save(step)
    else
      redis.call('ZREM', key_of('shelf', run.id), shelved)
    end
  end
  if #places == 0 then drop_entry(from, member) end
end

local function stamp_step(from, member)
  local place, run_id = string.match(member, '^([%d*]+):(.*)$')
  local run = run_of(run_id)
  if place == '*' then return unshelve(from, member, run) end
  local step = run and load_step(run_id, place) or nil
  if not step or is_ended(run) or step.indexed ~= from.from then return drop_step(from, member, step) end
  if run.suspendedByEngine then
    shelve_step(run, step)
    save(step)
    return nil
  end
  ring_again(step, window)
  schedule_step(run, step)
  local item = step_item(run, step)
  save(step)
  return item
end

-- What is due in these places, longest first, as far as the slice goes.
local function look(sources)
  local found = {}
  local each = math.max(1, math.min(20, math.ceil(budget / #sources)))
  for _, from in ipairs(sources) do
    local due = redis.call('ZRANGEBYSCORE', from.key, '-inf', from.before, 'WITHSCORES', 'LIMIT', 0, each)
    for i = 1, #due, 2 do found[#found + 1] = { from = from, member = due[i], at = tonumber(due[i + 1]) + from.wait } end
  end
  table.sort(found, function(a, b) return a.at < b.at end)
  return found
end

-- Stamp up to \`limit\` of a kind. Answers how many, and '1' if there is more of it.
local function take(sources, limit, stamp)
  local taken = 0
  while #sources > 0 do
    local found = look(sources)
    if #found == 0 then break end
    for _, due in ipairs(found) do
      if taken >= limit or budget <= 0 then return taken, '1' end
      budget = budget - 1
      local item = stamp(due.from, due.member)
      if item then
        items[#items + 1] = item
        taken = taken + 1
      end
    end
  end
  return taken, '0'
end

-- The lanes (run.lua) in which there may be runs for this worker. One that nobody is in is forgotten.
local function lanes_of(workflow, code_hash)
  local lanes = { workflow }
  for _, hashes in ipairs(redis.call('SMEMBERS', key_of('lanes', workflow))) do
    local lane = workflow .. '\\0' .. hashes
    if redis.call('EXISTS', key_of('rung:runs', lane), key_of('due:runs', lane), key_of('leases:runs', lane)) == 0 then
      redis.call('SREM', key_of('lanes', workflow), hashes)
    elseif not string.find('\\0' .. hashes .. '\\0', '\\0' .. code_hash .. '\\0', 1, true) then
      lanes[#lanes + 1] = lane
    end
  end
  return lanes
end

-- The leases of the dead end now. Those that were ended are no longer held, for whoever asks next. '1': there are more.
local function end_leases_of(owner)
  local held = key_of('held', owner)
  while budget > 0 do
    local member = redis.call('SPOP', held)
    if not member then return '0' end
    budget = budget - 1
    local run_id, place = string.match(member, '^run:(.*)$'), nil
    if not run_id then place, run_id = string.match(member, '^step:(%d+):(.*)$') end
    local run = run_of(run_id)
    local row = run
    if run and place then row = load_step(run_id, place) end
    if row and row.owner == owner and row.leaseUntil and row.leaseUntil > now and not is_ended(run) then
      put(row, 'leaseUntil', now)
      if place then schedule_step(run, row) else schedule_run(row) end
      save(row)
    end
  end
  return redis.call('EXISTS', held) == 1 and '1' or '0'
end

local function any_of(...)
  return redis.call('EXISTS', ...) > 0
end

-- Most workflows have nothing in most buckets, and most buckets have nothing else: that is seen at a glance.
local kinds = { {}, {}, {}, {}, {} }
for i = first_known, #ARGV, 2 do
  local name = ARGV[i]
  if any_of(key_of('rung:runs', name), key_of('due:runs', name), key_of('leases:runs', name), key_of('lanes', name)) then
    for _, lane in ipairs(lanes_of(name, ARGV[i + 1])) do
      table.insert(kinds[1], source('rung:runs:' .. lane, true))
      table.insert(kinds[1], source('due:runs:' .. lane))
      table.insert(kinds[2], source('leases:runs:' .. lane))
    end
  end
end
if any_of(root .. ':rung:orphans', root .. ':due:orphans') then
  kinds[3] = { source('rung:orphans', true), source('due:orphans') }
end
if any_of(root .. ':rung:steps', root .. ':due:steps', root .. ':leases:steps') then
  kinds[4] = { source('rung:steps', true), source('due:steps') }
  kinds[5] = { source('leases:steps') }
end

local still_held = '0'
for i = 9, 8 + dead_owners do
  if end_leases_of(ARGV[i]) == '1' then still_held = '1' end
end

-- What the dead held comes first: nobody else waits for it to be found.
local taken, more = {}, {}
for _, kind in ipairs({ 2, 5, 3, 1, 4 }) do
  taken[kind], more[kind] = take(kinds[kind], tonumber(ARGV[2 + kind]), kind < 4 and stamp_run or stamp_step)
end

local entries = redis.call('ZRANGEBYSCORE', root .. ':outbox', '-inf', now - outbox_ms, 'LIMIT', 0, outbox_limit)
for _, entry in ipairs(entries) do redis.call('ZADD', root .. ':outbox', now, entry) end
local kept = redis.call('ZRANGEBYSCORE', root .. ':kept', '-inf', now, 'LIMIT', 0, outbox_limit)
for _, entry in ipairs(kept) do
  redis.call('ZADD', root .. ':kept', now + outbox_ms, entry)
  entries[#entries + 1] = entry
end

-- Faster than they come, or they would be more and more.
local next_at = #kept == outbox_limit and now or nil
local function expect(key, wait)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[2] then next_at = math.min(next_at or math.huge, tonumber(first[2]) + wait) end
end
for kind = 1, 5 do
  for _, from in ipairs(kinds[kind]) do expect(from.key, from.wait) end
end
expect(root .. ':outbox', outbox_ms)

local cut = budget <= 0 and '1' or '0'
return { items, taken, more, cut, next_at and math.max(0, next_at - now) or false, entries, still_held }
`,
  },
}
