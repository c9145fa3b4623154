import type { Client } from './redis-source.ts'

/**
 * Removes finished jobs that are over: the one with the id in ARGV[3], or else up to 1,000 of them.
 * KEYS[1] the queue's completed or failed jobs, by time; ARGV[1] the beginning of a job's key; ARGV[2] which time is over.
 */
const REMOVE_OVER = `
local ids = ARGV[3] and { ARGV[3] } or redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, 1000)
local removed = 0
for _, id in ipairs(ids) do
  local at = redis.call('ZSCORE', KEYS[1], id)
  if at and tonumber(at) <= tonumber(ARGV[2]) then
    redis.call('ZREM', KEYS[1], id)
    redis.call('DEL', ARGV[1] .. id, ARGV[1] .. id .. ':logs')
    removed = removed + 1
  end
end
return removed`

/**
 * Keeps a job's progress if the attempt is still the one that holds it, and tells BullMQ's listeners.
 * KEYS[1] the job, KEYS[2] its lock, KEYS[3] the queue's events; ARGV[1] the attempt's token, ARGV[2] the job's id,
 * ARGV[3] the progress. Returns 1, or 0 when the attempt is over.
 */
const KEEP_PROGRESS = `
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('HSET', KEYS[1], 'progress', ARGV[3])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', 1000, '*', 'event', 'progress', 'jobId', ARGV[2], 'data', ARGV[3])
return 1`

/**
 * Removes a job under way, whoever holds it. KEYS[1] the jobs under way, KEYS[2] those that may have stalled; ARGV[1] the
 * beginning of a job's key, ARGV[2] its id.
 */
const REMOVE_ACTIVE = `
redis.call('LREM', KEYS[1], 0, ARGV[2])
redis.call('SREM', KEYS[2], ARGV[2])
local key = ARGV[1] .. ARGV[2]
return redis.call('DEL', key, key .. ':lock', key .. ':logs')`

/** BullMQ's names for the keys of one queue. */
export type KeyOf = (type: string) => string

/** Removes up to 1,000 jobs that ended so before `before`, or the one with this id if it did. */
export async function removeOver(
  client: Client,
  toKey: KeyOf,
  over: { readonly end: 'completed' | 'failed'; readonly before: number; readonly id?: string },
): Promise<number> {
  const id = over.id === undefined ? [] : [over.id]
  return Number(await client.eval(REMOVE_OVER, 1, toKey(over.end), toKey(''), over.before, ...id))
}

/** False when another attempt holds the job, or none. */
export async function keepProgress(
  client: Client,
  toKey: KeyOf,
  of: { readonly id: string; readonly token: string; readonly progress: string },
): Promise<boolean> {
  const keys = [toKey(of.id), `${toKey(of.id)}:lock`, toKey('events')]
  return (await client.eval(KEEP_PROGRESS, 3, ...keys, of.token, of.id, of.progress)) === 1
}

/**
 * A worker whose wait is cut off may have been told of a job it did not take: whoever else waits is to look. BullMQ's own
 * way of saying so.
 */
export async function wakeOthers(client: Client, toKey: KeyOf): Promise<void> {
  await client.zadd(toKey('marker'), 0, '0')
}

/** The jobs under way whose locks begin with `owner`, and their tokens. */
export async function jobsHeldBy(client: Client, toKey: KeyOf, owner: string): Promise<Map<string, string>> {
  const ids = await client.lrange(toKey('active'), 0, -1)
  const tokens = ids.length === 0 ? [] : await client.mget(ids.map((id) => `${toKey(id)}:lock`))
  const held = ids.map((id, index) => [id, tokens[index] ?? ''] as const)
  return new Map(held.filter(([, token]) => token.startsWith(owner)))
}

/** Removes a job under way, whoever holds it. */
export async function removeActive(client: Client, toKey: KeyOf, id: string): Promise<void> {
  await client.eval(REMOVE_ACTIVE, 2, toKey('active'), toKey('stalled'), toKey(''), id)
}
