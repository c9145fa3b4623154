-- Names of keys. All begin with the bucket's root, which carries the hash tag: one slot.
local root = KEYS[1]

local function key_of(kind, id)
  return root .. ':' .. kind .. ':' .. id
end

local function step_key_of(run_id, place)
  return root .. ':step:' .. place .. ':' .. run_id
end
