-- Write an owner down as alive. By then its process is subscribed to the owner's channel.
-- KEYS[1] the first bucket's root: that one knows the owners of all
-- ARGV    clock offset (unused), owner
-- returns nothing
-- called by enlist
-- include: keys
redis.call('HSET', root .. ':owners', ARGV[2], '')
