-- Forget dead owners that hold nothing any more.
-- KEYS[1] the first bucket's root: that one knows the owners of all
-- ARGV    clock offset (unused), owner …
-- returns nothing
-- called by sweep
-- include: keys
for i = 2, #ARGV do
  local mark = redis.call('HGET', root .. ':owners', ARGV[i])
  -- It may have come back meanwhile.
  if mark and mark ~= '' then redis.call('HDEL', root .. ':owners', ARGV[i]) end
end
