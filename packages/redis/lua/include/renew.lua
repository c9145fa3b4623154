-- include: lease
-- include: step
-- Renewal of a lease. Never shortens one.
local function renew(run, row, lease_ms)
  -- A sweep that found its owner gone has taken it out of what the owner holds: it is back.
  if not is_leased_now(row) then redis.call('SADD', key_of('held', row.owner), row.member) end
  put(row, 'leaseUntil', math.max(row.leaseUntil, now + lease_ms))
  if row == run then schedule_run(run) else schedule_step(run, row) end
  save(row)
end
