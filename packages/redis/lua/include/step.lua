-- include: schedule
-- The step's row, without its payloads. A step is known to its run by `<ordinal> <name>`, which has a place: 1, 2, 3 …

local step_fields = {
  'name', 'ordinal', 'kind', 'status', 'rpcName', 'childId', 'attempt', 'lost', 'settledSeq', 'settledAt',
  'revision', 'startedAt', 'worker', 'dispatch', 'epoch', 'owner', 'claimId', 'leaseUntil', 'rungAt', 'rings',
  'againAt', 'dueAt', 'indexed',
}
local step_counters = { attempt = true, lost = true, revision = true, dispatch = true, epoch = true, rings = true }

-- nil: the run has no such step. `place` and `member` (its name among its owner's leases) are no fields.
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

-- A new row, not saved yet. `values`: name, ordinal, kind, askedAfter and what the kind needs.
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

-- { 'step', run id, `<ordinal> <name>`, rpc name, attempt, dispatch }; the dispatch is never the same twice. Changes the row.
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

-- An attempt is lost with its worker. `lost:<run id>` knows the steps that a resume must clear.
local function count_loss(run, step)
  put(step, 'lost', step.lost + 1)
  redis.call('SADD', key_of('lost', run.id), step.place)
end
