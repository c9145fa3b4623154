-- include: now
-- Several calls of one operation in one script (src/lane.ts): ARGV is the clock offset, then for each call how many arguments it has, and
-- these. Each is answered by itself, or has an error of its own: none knows of the others.

-- What the call at hand was given.
local given

-- About how long this has taken (in units of a written row). Whoever works beyond the call's own row says so.
local spent, enough = 0, 40

local function spend(rows)
  spent = spent + rows
end

-- A row that is read takes a quarter of the time, and so do 4 KiB of text.
local function read_cost(rows, bytes)
  return (rows + bytes / 4096) / 4
end

-- Before Redis 7 an error is text: where the script met it, and behind it what it met.
local function error_of(met)
  if type(met) == 'table' then return { err = met.err } end
  return { err = string.match(met, '%-([A-Z]+ [^\r\n]*)') or string.match(met, '^[A-Z]+ .*$') or 'ERR ' .. met }
end

-- All at once as a rule; Lua has room for some thousands.
local function given_at(first, last)
  if last - first < 1000 then return { unpack(ARGV, first, last) } end
  local values = {}
  for i = first, last do values[#values + 1] = ARGV[i] end
  return values
end

-- `operate` answers the call in `given`. The server waits meanwhile: those that would keep it waiting for too long are not
-- looked at, and answered with nothing: there are fewer answers than calls.
local function answer_each(operate)
  local answers, at, last = {}, 2, #ARGV
  while at <= last and spent < enough do
    local width = tonumber(ARGV[at])
    given = given_at(at + 1, at + width)
    at = at + 1 + width
    spend(1)
    local is_done, answer = pcall(operate)
    if not is_done then answer = error_of(answer) end
    answers[#answers + 1] = answer or false
  end
  return answers
end
