-- Find what ought to be moving and is not, and stamp it: a slice of it, the server waits meanwhile.
-- KEYS[1] the bucket's root
-- ARGV    clock offset, redispatch window in ms, how many of each kind: runs, runs held by the dead, orphans, steps, steps
--         held by the dead, how many dead owners, their names …, (workflow, code hash) … the worker has
-- returns { items, how many of each kind, by kind: '1' if there is more of it, '1' if this was cut at the slice,
--         ms until the next thing is due or nil, outbox entries to deliver, '1' if dead owners hold something yet }
-- called by sweep
-- include: suspend
-- include: step
local window = math.max(1, tonumber(ARGV[2]))
local dead_owners = tonumber(ARGV[8])
local first_known = 9 + dead_owners
local rung_before = now - window
-- Entries of the outbox that whoever wrote them has not delivered by then.
local outbox_ms, outbox_limit = 1000, 20
-- How many rows one call may look at.
local budget = 25

local items = {}
local runs = {}

-- Steps of one run often come together.
local function run_of(run_id)
  if runs[run_id] == nil then runs[run_id] = load_run(run_id) or false end
  return runs[run_id]
end

-- Where the sweep looks for something: `from` is the index, in which it is due up to `before`; `wait` after its score.
local function source(from, is_rung)
  return { from = from, key = root .. ':' .. from, before = is_rung and rung_before or now, wait = is_rung and window or 0 }
end

local function drop_entry(from, member)
  redis.call('ZREM', from.key, member)
end

local function stamp_run(from, member)
  local run = run_of(member)
  -- Else it is what is left of a run that was deleted.
  if not run or run.indexed ~= from.from then return drop_entry(from, member) end
  local index, score = run_index(run)
  local item
  if index == from.from and score <= from.before then
    ring_again(run, window)
    item = run_item(run)
  end
  schedule_run(run)
  save(run)
  return item
end

-- A run that ended leaves its steps in the indexes: here they go.
local function drop_step(from, member, step)
  if not step or step.indexed ~= from.from then return drop_entry(from, member) end
  if step.leaseUntil then drop_lease(step) end
  index_row(step, member, nil)
  save(step)
end

-- The run goes on: its steps come back from the shelf, where they were put while it did not.
local function unshelve(from, member, run)
  local places = {}
  if run and not run.suspendedByEngine then
    places = redis.call('ZRANGE', key_of('shelf', run.id), 0, 19)
    budget = budget - #places
  end
  for _, shelved in ipairs(places) do
    local step = load_step(run.id, string.match(shelved, '^(%d+):'))
    if step and step.indexed == 'shelf:' .. run.id then
      schedule_step(run, step)
      save(step)
    else
      redis.call('ZREM', key_of('shelf', run.id), shelved)
    end
  end
  if #places == 0 then drop_entry(from, member) end
end

local function stamp_step(from, member)
  local place, run_id = string.match(member, '^([%d*]+):(.*)$')
  local run = run_of(run_id)
  if place == '*' then return unshelve(from, member, run) end
  local step = run and load_step(run_id, place) or nil
  if not step or is_ended(run) or step.indexed ~= from.from then return drop_step(from, member, step) end
  if run.suspendedByEngine then
    shelve_step(run, step)
    save(step)
    return nil
  end
  ring_again(step, window)
  schedule_step(run, step)
  local item = step_item(run, step)
  save(step)
  return item
end

-- What is due in these places, longest first, as far as the slice goes.
local function look(sources)
  local found = {}
  local each = math.max(1, math.min(20, math.ceil(budget / #sources)))
  for _, from in ipairs(sources) do
    local due = redis.call('ZRANGEBYSCORE', from.key, '-inf', from.before, 'WITHSCORES', 'LIMIT', 0, each)
    for i = 1, #due, 2 do found[#found + 1] = { from = from, member = due[i], at = tonumber(due[i + 1]) + from.wait } end
  end
  table.sort(found, function(a, b) return a.at < b.at end)
  return found
end

-- Stamp up to `limit` of a kind. Answers how many, and '1' if there is more of it.
local function take(sources, limit, stamp)
  local taken = 0
  while #sources > 0 do
    local found = look(sources)
    if #found == 0 then break end
    for _, due in ipairs(found) do
      if taken >= limit or budget <= 0 then return taken, '1' end
      budget = budget - 1
      local item = stamp(due.from, due.member)
      if item then
        items[#items + 1] = item
        taken = taken + 1
      end
    end
  end
  return taken, '0'
end

-- The lanes (run.lua) in which there may be runs for this worker. One that nobody is in is forgotten.
local function lanes_of(workflow, code_hash)
  local lanes = { workflow }
  for _, hashes in ipairs(redis.call('SMEMBERS', key_of('lanes', workflow))) do
    local lane = workflow .. '\0' .. hashes
    if redis.call('EXISTS', key_of('rung:runs', lane), key_of('due:runs', lane), key_of('leases:runs', lane)) == 0 then
      redis.call('SREM', key_of('lanes', workflow), hashes)
    elseif not string.find('\0' .. hashes .. '\0', '\0' .. code_hash .. '\0', 1, true) then
      lanes[#lanes + 1] = lane
    end
  end
  return lanes
end

-- The leases of the dead end now. Those that were ended are no longer held, for whoever asks next. '1': there are more.
local function end_leases_of(owner)
  local held = key_of('held', owner)
  while budget > 0 do
    local member = redis.call('SPOP', held)
    if not member then return '0' end
    budget = budget - 1
    local run_id, place = string.match(member, '^run:(.*)$'), nil
    if not run_id then place, run_id = string.match(member, '^step:(%d+):(.*)$') end
    local run = run_of(run_id)
    local row = run
    if run and place then row = load_step(run_id, place) end
    if row and row.owner == owner and row.leaseUntil and row.leaseUntil > now and not is_ended(run) then
      put(row, 'leaseUntil', now)
      if place then schedule_step(run, row) else schedule_run(row) end
      save(row)
    end
  end
  return redis.call('EXISTS', held) == 1 and '1' or '0'
end

local function any_of(...)
  return redis.call('EXISTS', ...) > 0
end

-- Most workflows have nothing in most buckets, and most buckets have nothing else: that is seen at a glance.
local kinds = { {}, {}, {}, {}, {} }
for i = first_known, #ARGV, 2 do
  local name = ARGV[i]
  if any_of(key_of('rung:runs', name), key_of('due:runs', name), key_of('leases:runs', name), key_of('lanes', name)) then
    for _, lane in ipairs(lanes_of(name, ARGV[i + 1])) do
      table.insert(kinds[1], source('rung:runs:' .. lane, true))
      table.insert(kinds[1], source('due:runs:' .. lane))
      table.insert(kinds[2], source('leases:runs:' .. lane))
    end
  end
end
if any_of(root .. ':rung:orphans', root .. ':due:orphans') then
  kinds[3] = { source('rung:orphans', true), source('due:orphans') }
end
if any_of(root .. ':rung:steps', root .. ':due:steps', root .. ':leases:steps') then
  kinds[4] = { source('rung:steps', true), source('due:steps') }
  kinds[5] = { source('leases:steps') }
end

local still_held = '0'
for i = 9, 8 + dead_owners do
  if end_leases_of(ARGV[i]) == '1' then still_held = '1' end
end

-- What the dead held comes first: nobody else waits for it to be found.
local taken, more = {}, {}
for _, kind in ipairs({ 2, 5, 3, 1, 4 }) do
  taken[kind], more[kind] = take(kinds[kind], tonumber(ARGV[2 + kind]), kind < 4 and stamp_run or stamp_step)
end

local entries = redis.call('ZRANGEBYSCORE', root .. ':outbox', '-inf', now - outbox_ms, 'LIMIT', 0, outbox_limit)
for _, entry in ipairs(entries) do redis.call('ZADD', root .. ':outbox', now, entry) end
local kept = redis.call('ZRANGEBYSCORE', root .. ':kept', '-inf', now, 'LIMIT', 0, outbox_limit)
for _, entry in ipairs(kept) do
  redis.call('ZADD', root .. ':kept', now + outbox_ms, entry)
  entries[#entries + 1] = entry
end

-- Faster than they come, or they would be more and more.
local next_at = #kept == outbox_limit and now or nil
local function expect(key, wait)
  local first = redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')
  if first[2] then next_at = math.min(next_at or math.huge, tonumber(first[2]) + wait) end
end
for kind = 1, 5 do
  for _, from in ipairs(kinds[kind]) do expect(from.key, from.wait) end
end
expect(root .. ':outbox', outbox_ms)

local cut = budget <= 0 and '1' or '0'
return { items, taken, more, cut, next_at and math.max(0, next_at - now) or false, entries, still_held }
