-- Extend leases: a slice of them, the server waits meanwhile.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, lease in ms, (run id, step `<ordinal> <name>` or '' for the lease of the run, claim id, epoch) …
-- returns by the lease's place: 0 renewed, 1 lost, 2 renewed, and the run has news its holder has not read
-- called by renewLeases
-- include: renew
local lease_ms = tonumber(ARGV[2])

local function verdict_of(run_id, step_id, claim_id, epoch)
  local run = load_run(run_id)
  if not run or is_ended(run) then return 1 end
  local row = run
  if step_id ~= '' then row = find_step(run_id, step_id) end
  if not row or not is_held_by(row, epoch, claim_id) then return 1 end
  renew(run, row, lease_ms)
  return row == run and run.wakeSeq > run.readWakeSeq and 2 or 0
end

local verdicts = {}
for i = 3, #ARGV, 4 do
  verdicts[#verdicts + 1] = verdict_of(ARGV[i], ARGV[i + 1], ARGV[i + 2], tonumber(ARGV[i + 3]))
end
return verdicts
