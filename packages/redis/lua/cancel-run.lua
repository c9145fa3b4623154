-- End a run from outside.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, call id (the same when the call is repeated), reason
-- returns nil: unknown or ended already; else the entries of the outbox to deliver (end-run.lua)
-- called by cancelRun
-- include: end-run
local run = load_run(ARGV[2])
if not run then return nil end
local how = { reason = ARGV[4] }
if is_ended(run) then return run.endCall == ARGV[3] and end_effects(run, how) or nil end
put(run, 'endCall', ARGV[3])
local entries = end_run(run, 'cancelled', how)
save(run)
return entries
