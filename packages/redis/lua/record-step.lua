-- The turn that is nearly every turn: one inline step that settled, a lease that is kept, and nothing that the holder has
-- not been told. Whatever is otherwise with it (news, a timer that is due, a row that is there, a lease that is lost, a turn
-- applied before) leaves everything as it is: commit-run.lua decides about it. What both write is the same.
-- KEYS[1] the bucket's root
-- ARGV    of each call (calls.lua): run id, claim id, epoch, turn, revision known, outcome, name, ordinal, askedAfter, attempt,
--         payload, duration
-- returns for each '<now> <wakeSeq>' (one text is read faster than a list of two), or 'OTHER': nothing was written
-- called by commitRun
-- include: calls
-- include: keys
-- include: server

local function find_run(run_id)
  local key = key_of('run', run_id)
  local found = redis.call('HMGET', key, 'status', 'node', 'claimId', 'epoch', 'leaseUntil', 'turnClaim', 'turn', 'revision',
    'crashes', 'wakeSeq', 'places', 'owner')
  return key, found
end

-- `found`: as find_run reads it.
local function is_usual(found, claim_id, epoch, turn, after)
  local last_turn = found[6] == claim_id and found[7] or '0'
  return found[1] == 'running' and (not server or found[2] == server) and found[3] == claim_id and found[4] == epoch
    and found[5] and tonumber(turn) == tonumber(last_turn) + 1 and found[8] == after and (found[9] or '0') == '0'
end

return answer_each(function()
  local run_id, claim_id, turn = given[1], given[2], given[4]
  local run_key, found = find_run(run_id)
  if not is_usual(found, claim_id, given[3], turn, given[5]) then return 'OTHER' end
  local sleeps = key_of('sleeps', run_id)
  if #redis.call('ZRANGEBYSCORE', sleeps, '-inf', now, 'LIMIT', 0, 1) > 0 then return 'OTHER' end
  local name, ordinal = given[7], given[8]
  local revision, wake_seq, places = found[8], found[10] or '0', found[11] or '0'
  local place = tostring(tonumber(places) + 1)
  if redis.call('HSETNX', key_of('steps', run_id), ordinal .. ' ' .. name, place) == 0 then return 'OTHER' end
  local seq, clock = tostring(tonumber(revision) + 1), tostring(now)
  local outcome = given[6]
  redis.call('ZADD', key_of('changes', run_id), seq, place)
  redis.call('HSET', step_key_of(run_id, place), 'name', name, 'ordinal', ordinal, 'kind', 'inline', 'askedAfter', given[9],
    'attempt', given[10], 'worker', found[12], 'createdAt', clock, 'startedAt', tostring(now - tonumber(given[12])),
    'status', outcome, outcome == 'succeeded' and 'output' or 'error', given[11], 'settledSeq', seq, 'settledAt', clock,
    'revision', seq)
  redis.call('HSET', run_key, 'revision', seq, 'places', place, 'readWakeSeq', wake_seq, 'updatedAt', clock, 'turnClaim',
    claim_id, 'turn', turn, 'turnPart', '0', 'turnBefore', revision, 'turnPlaces', places, 'turnSettled', '0', 'turnEnd', 'held')
  return clock .. ' ' .. wake_seq
end)
