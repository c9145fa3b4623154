-- Delete an ended run and everything that belongs to it: a slice of it, the run itself last.
-- KEYS[1] the bucket's root
-- ARGV    clock offset (unused), run id, when it ended, its tags …
-- returns '1' deleted, '0' there is more of it, nil: somebody else has deleted it
-- called by deleteRuns
-- include: step
local run_id = ARGV[2]
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
