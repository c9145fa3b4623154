import { Redis } from 'ioredis'
import { serverUrl } from './stores.ts'

/** A key and what it holds, as plain text: the binary form of a server's own depends on its version. */
export type Entry =
  | { readonly key: string; readonly string: string }
  | { readonly key: string; readonly hash: Readonly<Record<string, string>> }
  | { readonly key: string; readonly set: readonly string[] }
  | { readonly key: string; readonly zset: readonly (readonly [member: string, score: string])[] }

export function openRedis(): Redis {
  return new Redis(serverUrl('REDIS_URL'))
}

/** Everything under the prefix; keys without it. */
export async function dumpKeys(redis: Redis, prefix: string): Promise<Entry[]> {
  const keys = (await redis.keys(`${prefix}:*`)).sort()
  return Promise.all(keys.map((key) => entryOf(redis, key, key.slice(prefix.length))))
}

async function entryOf(redis: Redis, full: string, key: string): Promise<Entry> {
  const type = await redis.type(full)
  switch (type) {
    case 'string':
      return { key, string: (await redis.get(full)) ?? '' }
    case 'hash':
      return { key, hash: await redis.hgetall(full) }
    case 'set':
      return { key, set: (await redis.smembers(full)).sort() }
    case 'zset': {
      const flat = await redis.zrange(full, '0', '-1', 'WITHSCORES')
      const zset = Array.from(
        { length: flat.length / 2 },
        (_, at) => [flat[2 * at] ?? '', flat[2 * at + 1] ?? ''] as const,
      )
      return { key, zset }
    }
    default:
      throw new Error(`${full} is a ${type}, which no dump knows yet`)
  }
}

/** Put it there, under this prefix. */
export async function restoreKeys(redis: Redis, prefix: string, entries: readonly Entry[]): Promise<void> {
  for (const entry of entries) {
    const key = `${prefix}${entry.key}`
    if ('string' in entry) await redis.set(key, entry.string)
    else if ('hash' in entry) await redis.hset(key, entry.hash)
    else if ('set' in entry) await redis.sadd(key, ...entry.set)
    else await redis.zadd(key, ...entry.zset.flatMap(([member, score]): [string, string] => [score, member]))
  }
}

export async function removeKeys(redis: Redis, prefix: string): Promise<void> {
  const keys = await redis.keys(`${prefix}:*`)
  if (keys.length > 0) await redis.unlink(keys)
}
