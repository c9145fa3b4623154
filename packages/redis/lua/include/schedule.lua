-- include: run
-- Where a row waits to be found by a sweep. A row is in one index at most; its field `indexed` says in which.
--
--   rung:…    rungAt     rung, not claimed yet: due when the sweep's own window is over
--   due:…     when       a timer, or rung again by a sweep
--   leases:…  when       when somebody else may take it
--
-- of runs `rung:runs:<lane>` …, of children of an ended parent `rung:orphans`, `due:orphans`, of rpc steps `rung:steps` ….

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
