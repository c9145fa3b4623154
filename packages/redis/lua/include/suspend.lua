-- include: lease
-- include: schedule
-- Runs that the engine suspended. Nobody claims their steps; a sweep that meets one puts it on the run's shelf
-- `shelf:<run id>`, and when the run goes on, the member `*:<run id>` of `due:steps` tells the sweep to take them back.

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
