-- A hash as a row: read once, changed in memory, written once. Whoever changes one must save it before the script ends.

local numeric = {
  createdAt = true, updatedAt = true, endedAt = true, revision = true, wakeSeq = true, readWakeSeq = true,
  crashes = true, epoch = true, leaseUntil = true, rungAt = true, rings = true, againAt = true, dueAt = true,
  places = true, attempts = true, signals = true, turn = true, turnPart = true, turnBefore = true, turnPlaces = true,
  turnSettled = true, ordinal = true, retries = true, retryDelayMs = true, attempt = true, lost = true,
  askedAfter = true, floor = true, claimSlept = true, settledSeq = true, settledAt = true, startedAt = true, dispatch = true,
}

-- Fields that are absent are nil; `zero` has those that count from 0. What was changed stays as it is.
local function read_fields(row, fields, zero)
  local values = redis.call('HMGET', row.key, unpack(fields))
  local dirty = row.dirty
  for i = 1, #fields do
    local field, value = fields[i], values[i]
    if dirty[field] then
    elseif value then
      row[field] = numeric[field] and tonumber(value) or value
    elseif zero[field] then
      row[field] = 0
    end
  end
end

local function load_row(key, fields, zero)
  local row = { key = key, dirty = {}, is_new = false }
  read_fields(row, fields, zero)
  return row
end

-- nil takes the field away. What is there already is not written again.
local function put(row, field, value)
  local is_there = rawget(row, field) == value and (value ~= nil or row.is_new)
  if is_there and not row.dirty[field] then return end
  row[field] = value
  row.dirty[field] = true
end

local function put_all(row, values)
  for field, value in pairs(values) do put(row, field, value) end
end

local function save(row)
  local set, gone = {}, {}
  for field in pairs(row.dirty) do
    if rawget(row, field) == nil then
      gone[#gone + 1] = field
    else
      set[#set + 1] = field
      set[#set + 1] = row[field]
    end
  end
  if #set > 0 then redis.call('HSET', row.key, unpack(set)) end
  if #gone > 0 then redis.call('HDEL', row.key, unpack(gone)) end
  row.dirty = {}
end
