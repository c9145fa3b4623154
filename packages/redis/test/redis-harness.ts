import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import type { StorePorts } from '@pikku/core/contract'
import type { OpenStore } from '@pikku/core/testing'
import { openRedisStore } from '../src/index.ts'
import type { RedisStoreOptions } from '../src/index.ts'
import commands from '../commands.json' with { type: 'json' }

export function redisUrl(): string {
  const url = process.env['REDIS_URL']
  if (!url) throw new Error('REDIS_URL is not set: the tests need a Redis server')
  return url
}

export const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: console.error }

export function freshPrefix(): string {
  return `pikku-test-${randomUUID().replaceAll('-', '').slice(0, 16)}`
}

/** The rights the README lists for a user of this prefix. */
export function rightsOf(prefix: string): string[] {
  const allowed = new Set([...Object.keys(commands.scripts), ...Object.keys(commands.client)])
  return [...keysAndChannelsOf(prefix), '-@all', ...[...allowed].sort().map((command) => `+${command}`)]
}

function keysAndChannelsOf(prefix: string): string[] {
  return [`~${prefix}:*`, 'resetchannels', `&${prefix}:*`]
}

export interface RedisHarness extends OpenStore {
  readonly prefix: string
  /** Where its stores connect to, as a user that may do no more than the README says. */
  readonly url: string
  /** The test's own connection, which may do anything. */
  readonly redis: Redis
}

/** A store under a prefix of its own, gone with `dispose`. */
export async function openRedis(over: Partial<RedisStoreOptions> & { server?: string } = {}): Promise<RedisHarness> {
  const { server = redisUrl(), ...options } = over
  const prefix = freshPrefix()
  const redis = new Redis(server)
  await redis.call('acl', 'setuser', prefix, 'on', '>secret', ...rightsOf(prefix))
  const url = asUser(server, prefix)
  const closing: (() => Promise<unknown>)[] = []
  let offset = 0
  const open = (): StorePorts => {
    const ports = openRedisStore(url, prefix, {
      leaseMs: 8_000,
      logger: quiet,
      clockOffsetMs: () => offset,
      ...options,
    })
    closing.push(() => ports.store.close())
    return ports
  }
  const ports = open()
  await ports.admin.migrate()
  const vanished = new Set<string>()
  return {
    ports,
    prefix,
    url,
    redis,
    sibling: () => Promise.resolve(open()),
    advance: (ms) => {
      offset += ms
      return Promise.resolve()
    },
    vanish: async (owner) => {
      vanished.add(owner)
      const channels = await redis.call('pubsub', 'channels', `${prefix}:alive:*`)
      const left = (channels as string[]).filter((channel) => !vanished.has(channel.slice(`${prefix}:alive:`.length)))
      const rights = ['resetchannels', `&${prefix}:notices`, ...left.map((channel) => `&${channel}`)]
      // The server cuts off whoever is subscribed to what it may no longer hear, and refuses it from then on.
      await redis.call('acl', 'setuser', prefix, ...rights)
      await until(async () => (await subscribersOf(redis, `${prefix}:alive:${owner}`)) === 0)
    },
    dispose: async () => {
      await Promise.all(closing.map((close) => close()))
      await removeKeys(redis, prefix)
      await redis.call('acl', 'deluser', prefix)
      await redis.quit()
    },
  }
}

export function asUser(server: string, user: string): string {
  const url = new URL(server)
  url.username = user
  url.password = 'secret'
  return url.href
}

export async function removeKeys(redis: Redis, prefix: string): Promise<void> {
  const stream = redis.scanStream({ match: `${prefix}:*`, count: 1000 })
  for await (const keys of stream) if ((keys as string[]).length > 0) await redis.unlink(...(keys as string[]))
}

export async function subscribersOf(redis: Redis, channel: string): Promise<number> {
  const answer = (await redis.call('pubsub', 'numsub', channel)) as [string, number]
  return Number(answer[1])
}

/** Poll until it holds; fails after a while. */
export async function until(holds: () => Promise<boolean> | boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`still not so after ${ms} ms: ${holds.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
