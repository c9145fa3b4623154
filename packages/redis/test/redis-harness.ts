import { randomUUID } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import type { StorePorts } from '@pikku/core/contract'
import type { OpenStore } from '@pikku/core/testing'
import type { RedisCluster } from '@pikku/tooling/redis-cluster'
import { openRedisStore } from '../src/index.ts'
import type { Given, RedisStoreOptions } from '../src/index.ts'
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
  /** What its stores connect with, as a user that may do no more than the README says. */
  readonly given: Given
  /** The same for one server. */
  readonly url: string
  /** The test's own connections, one to each node, which may do anything. */
  readonly nodes: readonly Redis[]
}

type Over = Partial<RedisStoreOptions> & {
  /** Default: the server of REDIS_URL. */
  readonly server?: string
  readonly cluster?: RedisCluster
}

/** A store under a prefix of its own, gone with `dispose`. */
export async function openRedis({ server, cluster, ...options }: Over = {}): Promise<RedisHarness> {
  const prefix = freshPrefix()
  const urls = cluster ? [...cluster.masters, cluster.replica].map(({ url }) => url) : [server ?? redisUrl()]
  const nodes = urls.map((url) => new Redis(url))
  const [first] = nodes
  if (!first) throw new Error('there is no node')
  const setUser = async (...rights: readonly string[]): Promise<void> => {
    await Promise.all(nodes.map((node) => node.call('acl', 'setuser', prefix, ...rights)))
  }
  await setUser('on', '>secret', ...rightsOf(prefix))
  const user = { username: prefix, password: 'secret' }
  const url = asUser(urls[0] ?? '', user)
  const given: Given = cluster ? new Cluster([...cluster.nodes], { lazyConnect: true, redisOptions: user }) : url
  const closing: (() => Promise<unknown>)[] = []
  let offset = 0
  const open = (): StorePorts => {
    const ports = openRedisStore(given, prefix, {
      leaseMs: 8_000,
      logger: quiet,
      clockOffsetMs: () => offset,
      // Commands are counted.
      lookAgainMs: Infinity,
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
    given,
    url,
    nodes,
    sibling: () => Promise.resolve(open()),
    advance: (ms) => {
      offset += ms
      return Promise.resolve()
    },
    vanish: async (owner) => {
      vanished.add(owner)
      const alive = `${prefix}:alive:`
      const channels = await Promise.all(
        nodes.map((node) => node.call('pubsub', 'channels', `${alive}*`) as Promise<string[]>),
      )
      const left = channels.flat().filter((channel) => !vanished.has(channel.slice(alive.length)))
      // The server cuts off whoever is subscribed to what it may no longer hear, and refuses it from then on.
      await setUser('resetchannels', `&${prefix}:notices`, ...left.map((channel) => `&${channel}`))
      await until(async () => (await subscribersOf(nodes, `${alive}${owner}`)) === 0)
    },
    dispose: async () => {
      await Promise.all(closing.map((close) => close()))
      await Promise.all(nodes.map((node) => removeKeys(node, prefix)))
      await Promise.all(nodes.map((node) => node.call('acl', 'deluser', prefix)))
      await Promise.all(nodes.map((node) => node.quit()))
    },
  }
}

export function asUser(server: string, user: { username: string; password: string }): string {
  return Object.assign(new URL(server), user).href
}

export async function removeKeys(redis: Redis, prefix: string): Promise<void> {
  // A replica has what its master has.
  if (/role:slave/.test(await redis.info('replication'))) return
  const stream = redis.scanStream({ match: `${prefix}:*`, count: 1000 })
  // One by one: on a Cluster they are in different slots.
  for await (const keys of stream) await Promise.all((keys as string[]).map((key) => redis.unlink(key)))
}

export async function subscribersOf(nodes: readonly Redis[], channel: string): Promise<number> {
  const answers = await Promise.all(
    nodes.map((node) => node.call('pubsub', 'numsub', channel) as Promise<[string, number]>),
  )
  return answers.reduce((sum, [, count]) => sum + Number(count), 0)
}

/** Poll until it holds; fails after a while. */
export async function until(holds: () => Promise<boolean> | boolean, ms = 10_000): Promise<void> {
  const end = performance.now() + ms
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`still not so after ${ms} ms: ${holds.toString()}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
