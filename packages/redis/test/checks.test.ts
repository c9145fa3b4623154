import { Cluster, Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StorePorts } from '@pikku/core/contract'
import { startFreshRedis } from '@pikku/tooling/redis'
import { startRedisCluster } from '@pikku/tooling/redis-cluster'
import { openRedisStore, RedisWorkflowService } from '../src/index.ts'
import type { Given, RedisStoreOptions } from '../src/index.ts'
import { asUser, freshPrefix, quiet, redisUrl, removeKeys, rightsOf } from './redis-harness.ts'
import { openFakeServer } from './support/fake-server.ts'

let prefix: string
let redis: Redis
let warned: string[]
let closing: (() => Promise<unknown>)[]

beforeEach(() => {
  prefix = freshPrefix()
  redis = new Redis(redisUrl())
  warned = []
  closing = []
})

afterEach(async () => {
  await Promise.all(closing.map((close) => close()))
  await removeKeys(redis, prefix)
  await redis.quit()
})

function open(given: Given, over: Partial<RedisStoreOptions> = {}, at = prefix): StorePorts {
  const logger = { ...quiet, warn: (message: string) => warned.push(message) }
  const ports = openRedisStore(given, at, { leaseMs: 2_000, logger, ...over })
  closing.push(() => ports.store.close())
  return ports
}

async function refusal(start: () => unknown): Promise<unknown> {
  try {
    await start()
  } catch (error) {
    return error
  }
  throw new Error('it was not refused')
}

const refusedWith = (code: string, ...words: (string | RegExp)[]): unknown => {
  const messages = words.map((word) => expect.objectContaining({ message: expect.stringMatching(word) }))
  return expect.toSatisfy((error: unknown) => {
    expect(error).toMatchObject({ code })
    for (const message of messages) expect(error).toEqual(message)
    return true
  })
}

async function serverWith(settings: Record<string, string>): Promise<{ url: string; address: string }> {
  const server = await startFreshRedis({ settings })
  closing.push(() => server.dispose())
  return { url: server.url, address: `${server.host}:${server.port}` }
}

describe('a server that could drop runs', () => {
  it.each(['allkeys-lru', 'allkeys-random', 'allkeys-lfu'])('is refused: %s', { timeout: 30_000 }, async (policy) => {
    const { url, address } = await serverWith({ 'maxmemory-policy': policy })
    const error = await refusal(() => open(url).admin.migrate())
    expect(error).toEqual(refusedWith('CONFIGURATION', address, policy, 'noeviction', 'volatile-'))
  })

  it('is refused to a user who may not read its configuration, too', async () => {
    const { url } = await serverWith({ 'maxmemory-policy': 'allkeys-lru' })
    const admin = new Redis(url)
    closing.push(() => admin.quit())
    await admin.call('acl', 'setuser', 'app', 'on', '>secret', ...rightsOf(prefix), '-config')
    const user = asUser(url, { username: 'app', password: 'secret' })
    expect(await refusal(() => open(user).admin.migrate())).toEqual(refusedWith('CONFIGURATION', 'allkeys-lru'))
    await admin.config('SET', 'maxmemory-policy', 'noeviction')
    await open(user).admin.migrate()
  })

  it('no key here has a time to live: volatile policies are fine', async () => {
    const { url } = await serverWith({ 'maxmemory-policy': 'volatile-lru' })
    const { admin, store, reader } = open(url)
    await admin.migrate()
    await store.createRun({ runId: 'a', workflow: 'w', input: '1', inputDigest: '', tags: [] })
    expect(await reader.getRun('a')).not.toBeNull()
    const client = new Redis(url)
    closing.unshift(() => client.quit())
    const keys = await client.keys('*')
    expect(keys.length).toBeGreaterThan(3)
    for (const key of keys) expect(await client.ttl(key), key).toBe(-1)
  })
})

describe('a server that forgets', () => {
  it.each([
    ['""', 'all runs are lost when it stops'],
    ['3600 1', 'what happened since its last snapshot is lost when it crashes'],
  ])('is warned of once: appendonly no, save %s', { timeout: 30_000 }, async (save, loss) => {
    const { url, address } = await serverWith({ appendonly: 'no', save })
    const { admin, store } = open(url)
    await admin.migrate()
    await admin.migrate()
    await store.enlist('somebody')
    expect(warned).toEqual([expect.stringContaining(loss)])
    expect(warned[0]).toContain(address)
  })

  it('one with an append-only file needs no warning', async () => {
    const { url } = await serverWith({ appendonly: 'yes' })
    await open(url).admin.migrate()
    expect(warned).toEqual([])
  })
})

describe('a server of another kind', () => {
  it.each([
    ['5.0.14', 'Redis 5.0.14'],
    ['6.0.16', '6.2 or newer'],
  ])('is too old: %s', async (version, words) => {
    const server = await openFakeServer(`# Server\r\nredis_version:${version}\r\nmaxmemory_policy:noeviction\r\n`)
    closing.push(() => server.close())
    const error = await refusal(() => open(server.url).admin.migrate())
    expect(error).toEqual(refusedWith('SERVER_TOO_OLD', words, server.url.slice('redis://'.length)))
  })

  it('a node of a Cluster is refused as a single server, and taken as a Cluster', { timeout: 60_000 }, async () => {
    const cluster = await startRedisCluster()
    closing.push(() => cluster.dispose())
    const [node] = cluster.masters
    const error = await refusal(() => open(node?.url ?? '').admin.migrate())
    expect(error).toEqual(refusedWith('CONFIGURATION', 'node of a Redis Cluster', 'new Cluster'))
    const given = new Cluster([...cluster.nodes], { redisOptions: { password: cluster.password } })
    const { admin, store, reader } = open(given)
    await admin.migrate()
    await store.createRun({ runId: 'a', workflow: 'w', input: '1', inputDigest: '', tags: [] })
    expect((await reader.getRun('a'))?.status).toBe('running')
    await node?.kill()
    given.disconnect()
  })
})

describe('a prefix', () => {
  it.each([
    ['', 'got an empty one'],
    ['a{b', String.raw`got "a\{b"`],
    ['a}b', String.raw`got "a\}b"`],
    ['a b', 'got "a b"'],
    ['a\nb', String.raw`got "a\\nb"`],
    ['a\0b', String.raw`got "a\\u0000b"`],
    ['x'.repeat(201), 'got 201 bytes'],
    ['\ud800', 'got'],
    [7 as never, 'got number'],
    [null as never, 'got null'],
  ])('F52: is refused before anything is connected: %j', async (given, words) => {
    const start = (): unknown => new RedisWorkflowService('redis://localhost:1', undefined, given)
    expect(await refusal(start)).toEqual(refusedWith('INVALID_NAME', '1 to 200 bytes', words))
  })

  it('F52: that looks like a pattern is nothing but a name', async () => {
    const odd = `${prefix}:*?[a-z]\\`
    const { store, reader } = open(redisUrl(), {}, odd)
    await store.createRun({ runId: 'a', workflow: 'w', input: '1', inputDigest: '', tags: [] })
    expect((await reader.listRuns({ limit: 9 })).runs).toHaveLength(1)
    expect((await open(redisUrl()).reader.listRuns({ limit: 9 })).runs).toEqual([])
  })

  it('stands behind the keyPrefix of the client', async () => {
    const client = new Redis(redisUrl(), { keyPrefix: `${prefix}:app:` })
    closing.push(() => client.quit())
    await open(client, {}, 'workflows').admin.migrate()
    expect(await redis.hget(`${prefix}:app:workflows:meta`, 'buckets')).toBe('1')
    const braces = new Redis(redisUrl(), { keyPrefix: '{app}:', lazyConnect: true })
    const error = await refusal(() => open(braces, {}, 'workflows'))
    expect(error).toEqual(refusedWith('INVALID_NAME', 'keyPrefix "\\{app\\}:"'))
  })

  it('keeps its number of buckets for ever', async () => {
    await open(redisUrl(), { buckets: 3 }).admin.migrate()
    const error = await refusal(() => open(redisUrl(), { buckets: 4 }).admin.migrate())
    expect(error).toEqual(refusedWith('CONFIGURATION', prefix, '3 buckets', '4 were asked for'))
    const { store, reader } = open(redisUrl())
    await store.createRun({ runId: 'a', workflow: 'w', input: '1', inputDigest: '', tags: [] })
    expect((await reader.getRun('a'))?.status).toBe('running')
  })

  it('that a newer version wrote is refused, and left as it is', async () => {
    await open(redisUrl()).admin.migrate()
    await redis.hset(`${prefix}:meta`, 'version', '2')
    const before = await redis.keys(`${prefix}:*`)
    const ports = open(redisUrl())
    const starts = [
      () => ports.admin.migrate(),
      () => ports.store.createRun({ runId: 'a', workflow: 'w', input: '1', inputDigest: '', tags: [] }),
      () => ports.reader.getRun('a'),
    ]
    for (const start of starts) {
      expect(await refusal(start)).toEqual(refusedWith('SCHEMA_TOO_NEW', prefix, 'layout 2', 'up to 1'))
    }
    expect(await redis.keys(`${prefix}:*`)).toEqual(before)
  })
})

describe('a connection', () => {
  it.each([
    [undefined, 'got undefined'],
    [null, 'got null'],
    [6379, 'got number'],
    [[], 'got an array'],
    [new Map(), 'class Map'],
    ['localhost:6379', String.raw`got 'localhost:6379'`],
    ['http://someone:hunter2@example.com', String.raw`got 'http://…@example.com'`],
    ['', `got ''`],
  ])('that is none is refused: %s', async (given, words) => {
    const error = await refusal(() => new RedisWorkflowService(given as never))
    expect(error).toEqual(refusedWith('CONFIGURATION', 'Redis or Cluster of ioredis', 'redis://', words))
    expect(String(error)).not.toContain('hunter2')
  })

  it('no message shows a password', { timeout: 30_000 }, async () => {
    const url = asUser(redisUrl(), { username: 'nobody', password: 'hunter2@x' })
    const errors = await Promise.all(
      [
        url,
        new Redis(url, { lazyConnect: true }),
        { host: '127.0.0.1', port: 1, password: 'hunter2' },
        new Cluster(['redis://:hunter2@127.0.0.1:1'], { lazyConnect: true }),
      ].map((given) => refusal(() => open(given).admin.migrate())),
    )
    for (const error of errors) {
      expect(error).toMatchObject({ code: 'STORE_UNAVAILABLE' })
      expect(String(error)).toMatch(/127\.0\.0\.1:\d+/)
      expect(String(error)).not.toContain('hunter2')
    }
    expect(String(errors[0])).toMatch(/refuses the connection: WRONGPASS/)
    expect(String(errors[2])).toMatch(/gave no definite answer: .*ECONNREFUSED/)
  })

  it('to a database that there is not is refused, and not led to another', async () => {
    const ports = open(`${redisUrl()}/999`)
    const createRun = (): unknown =>
      ports.store.createRun({ runId: 'a', workflow: 'w', input: '1', inputDigest: '', tags: [] })
    for (let tries = 0; tries < 2; tries += 1) {
      expect(await refusal(createRun)).toEqual(refusedWith('STORE_UNAVAILABLE', 'DB index is out of range'))
    }
    expect(await redis.keys(`${prefix}:*`)).toEqual([])
  })

  it('of a user without the rights is told which one is missing', async () => {
    const user = { username: prefix, password: 'secret' }
    for (const missing of ['evalsha', 'info', 'zadd', 'subscribe', 'hset']) {
      await redis.call('acl', 'setuser', prefix, 'reset', 'on', '>secret', ...rightsOf(prefix), `-${missing}`)
      const { store } = open(asUser(redisUrl(), user))
      const use = async (): Promise<void> => {
        await store.enlist('somebody')
        await store.createRun({ runId: 'a', workflow: 'w', input: '1', inputDigest: '', tags: [] })
      }
      expect(await refusal(use)).toEqual(refusedWith('CONFIGURATION', 'README', /permission|can't run this command/))
    }
    await redis.call('acl', 'deluser', prefix)
  })
})
