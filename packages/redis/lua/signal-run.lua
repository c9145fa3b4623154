-- Settle the oldest open suspend step of the signal's name, or keep the signal for the next one.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, call id (the same when the call is repeated), signal id, name, payload
-- returns nil: not accepted; else { item or nil }
-- called by signalRun
-- include: settle
-- include: suspend
-- include: wake
local run_id, call_id, signal_id, name, payload = ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

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
