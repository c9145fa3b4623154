-- include: settle
-- include: outbox
-- What a turn asks for, put into rows. All of a turn that is asked again is found as it was written.

local record_width, plan_width = 9, 12

-- { name, ordinal, askedAfter } stand first in both.
local function asked_at(at)
  return { name = ARGV[at + 1], ordinal = tonumber(ARGV[at + 2]), askedAfter = tonumber(ARGV[at + 3]) }
end

-- An inline step's ended attempt: { outcome, name, ordinal, askedAfter, attempt, payload, delay, duration, - }. A settled row is
-- left as it is. Answers the step if this settled it.
local function record_inline(run, at)
  local outcome, payload = ARGV[at], ARGV[at + 5]
  local step = find_step(run.id, ARGV[at + 2] .. ' ' .. ARGV[at + 1])
  if not step then
    local values = asked_at(at)
    values.kind = 'inline'
    step = insert_step(run, values)
  end
  if step.kind ~= 'inline' or step.settledSeq then return nil end
  put_all(step, { attempt = tonumber(ARGV[at + 4]), worker = run.owner, startedAt = now - tonumber(ARGV[at + 7]) })
  if outcome == 'retry' then
    touch_step(run, step)
    put_all(step, { error = payload, dueAt = now + tonumber(ARGV[at + 6]) })
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
  local child, parent, on_end = ARGV[at + 4], ARGV[at + 9], ARGV[at + 11]
  if on_end == 'cancel' and parent == run.id then redis.call('ZADD', key_of('children', run.id), step.place, child) end
  post(start_entry_of(run, step), 'kind', 'start', 'runId', child, 'workflow', ARGV[at + 5], 'input', ARGV[at + 6],
    'inputDigest', ARGV[at + 7], 'tags', ARGV[at + 8], 'parentId', parent, 'parentStep', ARGV[at + 10], 'parentOnEnd', on_end)
end

-- { kind, name, ordinal, askedAfter, then
--   rpc:   rpc name, input, input digest, retries, retry delay
--   sleep: delay
--   child: run id, workflow, input, input digest, tags, parent's run id, parent's step, onEnd }
-- A step that has its row already is left alone. Answers the step if this made it, and how many signals it consumed.
local function schedule_plan(run, at)
  local kind = ARGV[at]
  if redis.call('HEXISTS', key_of('steps', run.id), ARGV[at + 2] .. ' ' .. ARGV[at + 1]) == 1 then return nil, 0 end
  local values = asked_at(at)
  values.kind = kind
  local consumed = 0
  local step
  if kind == 'rpc' then
    values.rpcName, values.input, values.inputDigest = ARGV[at + 4], ARGV[at + 5], ARGV[at + 6]
    values.retries, values.retryDelayMs = ARGV[at + 7], ARGV[at + 8]
    step = insert_step(run, values)
    put(step, 'dispatch', 1)
    touch_step(run, step)
    ring_now(step)
    schedule_step(run, step)
  elseif kind == 'sleep' then
    values.dueAt = now + tonumber(ARGV[at + 4])
    step = insert_step(run, values)
    touch_step(run, step)
    redis.call('ZADD', key_of('sleeps', run.id), step.dueAt, step.place)
  elseif kind == 'suspend' then
    step = insert_step(run, values)
    consumed = schedule_suspend(run, step)
  else
    values.childId, values.rpcName, values.inputDigest = ARGV[at + 4], ARGV[at + 5], ARGV[at + 7]
    step = insert_step(run, values)
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
