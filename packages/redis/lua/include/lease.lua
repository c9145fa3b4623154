-- include: run
-- Leases. Those an owner holds are in its set `held:<owner>`, to be ended together when its process is gone.

-- Give the row to nobody. The epoch and the claim stay, to recognise what comes late.
local function drop_lease(row)
  if not row.leaseUntil then return end
  if row.owner then redis.call('SREM', key_of('held', row.owner), row.member) end
  put(row, 'leaseUntil', nil)
end

local function take_lease(row, owner, claim_id, lease_ms)
  drop_lease(row)
  redis.call('SADD', key_of('held', owner), row.member)
  put_all(row, { epoch = row.epoch + 1, owner = owner, claimId = claim_id, leaseUntil = now + lease_ms })
end

-- An id that was deleted and is used again counts its epochs from the start: the claim must be the same, too.
local function is_held_by(row, epoch, claim_id)
  return row.leaseUntil ~= nil and row.epoch == epoch and row.claimId == claim_id
end
