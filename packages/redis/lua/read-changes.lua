-- What changed in a run after a revision, a page of it.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, revision known
-- returns { now, changes (changes.lua) }, or nil: there is no such run
-- called by readChanges
-- include: changes
local run = load_run(ARGV[2])
if not run then return nil end
local changes = read_changes(run, ARGV[3], { at_least_one = true })
return { now, changes }
