-- A run is to be told when this one ends, because it says that it is its child and is not to outlive it.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, parent's run id, child's run id
-- returns '1', or nil: the parent is over, or never was
-- called by createRun, for a run created with a parent
-- include: run
local parent = load_run(ARGV[2])
if not parent or is_ended(parent) then return nil end
-- Its place among the parent's steps is 0: it has none, and nobody waits for it to be rung.
redis.call('ZADD', key_of('children', parent.id), 'NX', 0, ARGV[3])
return '1'
