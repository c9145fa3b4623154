-- Extend every lease an owner has in this bucket, also those it has only just been given.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, owner, lease in ms
-- returns how many it extended
-- called by the thread that stands in for a blocked main thread
-- include: renew
local owner, lease_ms = ARGV[2], tonumber(ARGV[3])

local extended = 0
for _, member in ipairs(redis.call('SMEMBERS', key_of('held', owner))) do
  local run_id, place = string.match(member, '^run:(.*)$'), nil
  if not run_id then place, run_id = string.match(member, '^step:(%d+):(.*)$') end
  local run = load_run(run_id)
  local row = run
  if run and place then row = load_step(run_id, place) end
  if row and row.owner == owner and row.leaseUntil and not is_ended(run) then
    renew(run, row, lease_ms)
    extended = extended + 1
  end
end
return extended
