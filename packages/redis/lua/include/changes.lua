-- include: step
-- What changed in a run after a revision, oldest first, cut before the answer grows too large.

-- While the script copies, the server waits.
local max_bytes, max_rows, row_bytes = 128 * 1024, 200, 256

local change_fields = {
  'revision', 'name', 'ordinal', 'kind', 'status', 'rpcName', 'inputDigest', 'output', 'error', 'reason', 'attempt',
  'lost', 'askedAfter', 'settledSeq', 'settledAt', 'dueAt',
}
-- Of these, the sizes count.
local sized = { 2, 6, 8, 9, 10 }
local signal_fields = { 'revision', 'signalId', 'name', 'payload' }

local function size_of(values, places)
  local bytes = row_bytes
  for i = 1, #places do
    local value = values[places[i]]
    if value then bytes = bytes + #value end
  end
  return bytes
end

local function read_change(run_id, member)
  if string.sub(member, 1, 1) == 's' then
    local values = redis.call('HMGET', root .. ':signal:' .. string.sub(member, 2) .. ':' .. run_id, unpack(signal_fields))
    return { 'signal', values }, size_of(values, { 2, 3, 4 })
  end
  local values = redis.call('HMGET', step_key_of(run_id, member), unpack(change_fields))
  return { 'step', values }, size_of(values, sized)
end

-- Told by its kind alone: its payload may be large, and there may be many of them.
local function is_own(run_id, member, is_new)
  return is_new and string.sub(member, 1, 1) ~= 's' and redis.call('HGET', step_key_of(run_id, member), 'kind') == 'inline'
end

-- `how.at_least_one`: for those who would not get on otherwise. `how.own_after`: the caller knows the inline steps that
-- changed after this revision, it wrote them. `how.less`: so many rows less, for who has worked before. All rows must be
-- saved. Answers { revision, more, rows }, and how much text they have.
local function read_changes(run, after, how)
  local rows, bytes, revision, offset = {}, 0, after, 0
  local most = max_rows - (how.less or 0)
  while true do
    local found = redis.call('ZRANGEBYSCORE', key_of('changes', run.id), '(' .. after, '+inf', 'WITHSCORES', 'LIMIT', offset, 40)
    for i = 1, #found, 2 do
      local member, changed_at = found[i], tonumber(found[i + 1])
      if not is_own(run.id, member, how.own_after and changed_at > how.own_after) then
        local change, size = read_change(run.id, member)
        bytes = bytes + size
        local full = bytes > max_bytes or #rows >= most
        if full and not (how.at_least_one and #rows == 0) then return { revision, '1', rows }, bytes end
        rows[#rows + 1] = change
      end
      revision = changed_at
    end
    if #found < 80 then return { run.revision, '0', rows }, bytes end
    offset = offset + 40
  end
end
