-- Extend every lease an owner has in this bucket, also those it has only just been given.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, owner, lease in ms
-- returns how many it extended
-- called by the thread that stands in for a blocked main thread
-- include: step
local owner, until_then = ARGV[2], now + tonumber(ARGV[3])

local function extend(row)
  if not row or row.owner ~= owner or not row.leaseUntil or row.leaseUntil >= until_then then return false end
  put(row, 'leaseUntil', until_then)
  return true
end

local extended = 0
for _, member in ipairs(redis.call('SMEMBERS', key_of('held', owner))) do
  local run_id = string.match(member, '^run:(.*)$')
  local place, of_run = string.match(member, '^step:(%d+):(.*)$')
  local run = load_run(run_id or of_run)
  local row = run
  if run and place then row = load_step(of_run, place) end
  if run and not is_ended(run) and extend(row) then
    if place then schedule_step(run, row) else schedule_run(run) end
    save(row)
    extended = extended + 1
  end
end
return extended
