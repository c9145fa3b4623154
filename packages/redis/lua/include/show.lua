-- include: keys
-- A run as a reader sees it. The order is that of `runFields` in src/rows.ts.

local shown_fields = {}
for field in string.gmatch([[workflow status input inputDigest output error reason tags parentId parentStep parentOnEnd crashes
  createdAt updatedAt endedAt]], '%S+') do
  shown_fields[#shown_fields + 1] = field
end

local function show_run(run_id)
  return redis.call('HMGET', key_of('run', run_id), unpack(shown_fields))
end
