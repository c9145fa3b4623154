-- Note which owners are gone, since when, and tell which of them count as dead: missed twice, the grace apart.
-- KEYS[1] the first bucket's root: that one knows the owners of all
-- ARGV    clock offset, grace in ms, (owner, '1' if somebody is subscribed to its channel) …
-- returns { ms until the next one's grace is over or nil, dead owners … }
-- called by sweep
-- include: now
-- include: keys
local grace_ms, owners = tonumber(ARGV[2]), root .. ':owners'

local next_at, dead = nil, {}
for i = 3, #ARGV, 2 do
  local owner, alive = ARGV[i], ARGV[i + 1] == '1'
  local mark = redis.call('HGET', owners, owner)
  if alive and mark and mark ~= '' then redis.call('HSET', owners, owner, '') end
  if not alive and mark then
    if mark == '' then redis.call('HSET', owners, owner, now) end
    local over_at = (tonumber(mark) or now) + grace_ms
    if over_at <= now then
      dead[#dead + 1] = owner
    else
      next_at = math.min(next_at or over_at, over_at)
    end
  end
end
return { next_at and next_at - now or false, unpack(dead) }
