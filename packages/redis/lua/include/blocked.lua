-- Code hashes a run is suspended for: sorted, with U+0000 between; no text a caller hands in contains that.

local function is_blocked_for(run, code_hash)
  return run.blocked ~= nil and string.find('\0' .. run.blocked .. '\0', '\0' .. code_hash .. '\0', 1, true) ~= nil
end

local function block_for(run, code_hash)
  if is_blocked_for(run, code_hash) then return end
  local hashes = { code_hash }
  for hash in string.gmatch(run.blocked or '', '[^%z]+') do hashes[#hashes + 1] = hash end
  table.sort(hashes)
  put(run, 'blocked', table.concat(hashes, '\0'))
end
