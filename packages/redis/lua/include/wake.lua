-- include: schedule
-- Waking a run: it has something to read that it did not ask for itself.

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
