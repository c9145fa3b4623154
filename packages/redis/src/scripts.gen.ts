/* Made from lua/*.lua by scripts/build-lua.mjs. Do not edit. */
export interface Script {
  /** SHA-1 of the text, by which the server knows it. */
  readonly sha: string
  readonly text: string
}

export type ScriptName =
  | 'open-store'

export const scripts: Readonly<Record<ScriptName, Script>> = {
  'open-store': {
    sha: 'eaeef7ddad3491a679705e04f30909aadad67c92',
    text: `-- The prefix is taken, or found as somebody took it: how many buckets its runs lie in never changes.
-- KEYS[1] the prefix's hash \`<prefix>:meta\`
-- ARGV    clock offset (unused), the buckets to take it with, the version of this code
-- returns { buckets, version }, as they stand
-- called by the link, once before its first call
local found = redis.call('HMGET', KEYS[1], 'buckets', 'version')
if found[1] and found[2] then return { found[1], found[2] } end
redis.call('HSET', KEYS[1], 'buckets', ARGV[2], 'version', ARGV[3])
return { ARGV[2], ARGV[3] }
`,
  },
}
