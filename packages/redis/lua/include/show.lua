-- include: keys
-- include: calls
-- A run as a reader sees it. The order is that of `runFields` in src/rows.ts.

local shown_fields = {
  'workflow', 'status', 'input', 'inputDigest', 'output', 'error', 'reason', 'tags', 'parentId', 'parentStep',
  'parentOnEnd', 'crashes', 'createdAt', 'updatedAt', 'endedAt',
}
-- Of these, the payloads; and those that a run has which goes on.
local payloads, open_payloads = { 3, 5, 6 }, { 3 }
local max_payload_bytes = 64 * 1024

-- While the script copies, the server waits: payloads too large for that are left out, then '1' follows the fields.
local function show_run(run_id, sized)
  local key, bytes = key_of('run', run_id), 0
  for _, at in ipairs(sized or payloads) do bytes = bytes + redis.call('HSTRLEN', key, shown_fields[at]) end
  if bytes <= max_payload_bytes then
    spend(read_cost(0, bytes))
    return redis.call('HMGET', key, unpack(shown_fields))
  end
  local fields = { unpack(shown_fields) }
  -- A name no field has: its value is nil.
  for _, at in ipairs(payloads) do fields[at] = '-' end
  local values = redis.call('HMGET', key, unpack(fields))
  values[#fields + 1] = '1'
  return values
end
