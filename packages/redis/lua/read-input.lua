-- The input of an rpc step, when it was too large to come with its claim.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, run id, step (`<ordinal> <name>`)
-- returns nil: there is no such step; else its input
-- called by claimStep
-- include: keys
local place = redis.call('HGET', key_of('steps', ARGV[2]), ARGV[3])
return place and redis.call('HGET', step_key_of(ARGV[2], place), 'input')
