-- include: settle
-- include: outbox
-- What a turn asks for, put into rows. All of a turn that is asked again is found as it was written.

local record_width, plan_width = 9, 12

-- { name, ordinal, askedAfter } stand first in both.
local function asked_at(at)
  return { name = given[at + 1], ordinal = tonumber(given[at + 2]), askedAfter = tonumber(given[at + 3]) }
end

-- An inline step that is over when it is first heard of is written at one go, its numbers as the text they came as: what
-- `record_inline` does otherwise.
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
