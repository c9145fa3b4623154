-- Let a run go on that the engine suspended, with its counters of crashes and losses cleared.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id
-- returns nil: unknown or ended; 'more': call again, some losses are not cleared yet; else { item }
-- called by signalRun (resume)
-- include: suspend
-- include: step
-- include: wake
local max_steps = 40

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
