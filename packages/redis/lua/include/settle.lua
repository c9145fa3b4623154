-- include: lease
-- include: step
-- Settling: a step gets its place in the run's order, and nothing about it changes again.

-- In sorted sets whose members begin with a name, all members of one name lie together, in the order of their numbers.
local function named(name, number)
  return name .. '\0' .. string.format('%012d', number)
end

-- The oldest number kept under the name, as text; nil if there is none.
local function oldest_named(key, name)
  local found = redis.call('ZRANGEBYLEX', key, '[' .. name .. '\0', '(' .. name .. '\1', 'LIMIT', 0, 1)[1]
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

-- `how`: { output = … } succeeded; { error = … } or { reason = … } failed. Neither row is saved yet.
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
