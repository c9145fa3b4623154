import { randomUUID } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { NewRun, StorePorts } from '@pikku/core/contract'
import { startFreshRedis } from '@pikku/tooling/redis'
import type { RedisServer } from '@pikku/tooling/redis'
import { startRedisCluster } from '@pikku/tooling/redis-cluster'
import type { RedisCluster } from '@pikku/tooling/redis-cluster'
import { openRedisStore, RedisWorkflowService } from '../src/index.ts'
import type { Given } from '../src/index.ts'
import { openRedis, quiet, until } from './redis-harness.ts'
import type { RedisHarness } from './redis-harness.ts'
import { registryOf } from './support/app.ts'

function newRun(runId: string = randomUUID()): NewRun {
  return { runId, workflow: 'order', input: '1', inputDigest: '', tags: [] }
}

const registry = registryOf({
  workflows: { twice: ({ workflow }, input) => workflow.do('a', () => Number(input) * 2) },
})

/** The connections of a user, by what the server says of each. */
async function connectionsOf(nodes: readonly Redis[], user: string): Promise<string[]> {
  const lists = await Promise.all(nodes.map((node) => node.client('LIST') as Promise<string>))
  return lists.flatMap((list) => list.split('\n').filter((line) => line.includes(` user=${user} `)))
}

/** Runs a workflow by a service of its own, which is closed then. Answers what it had to warn of. */
async function useAndClose(given: Given, prefix: string): Promise<string[]> {
  const warned: string[] = []
  const service = new RedisWorkflowService(given, undefined, prefix)
  const logger = { ...quiet, warn: (message: string) => warned.push(message) }
  service.bind({ workflowService: service, logger }, registry)
  const { runId } = await service.startRun('twice', 21)
  expect(await service.waitForRun(runId)).toBe(42)
  await service.close()
  await service.close()
  return warned.filter((message) => !message.includes('append-only'))
}

describe('what may be given', () => {
  let harness: RedisHarness
  beforeEach(async () => {
    harness = await openRedis()
    await harness.ports.store.close()
    await until(async () => (await connectionsOf(harness.nodes, harness.prefix)).length === 0)
  })
  afterEach(() => harness.dispose())

  const optionsOf = (url: string): { host: string; port: number; username: string; password: string } => {
    const { hostname, port, username, password } = new URL(url)
    return { host: hostname, port: Number(port), username, password }
  }

  it.each([
    ['a URL', (url: string): Given => url],
    ['options', optionsOf],
    ['options that hold functions', (url: string): Given => ({ ...optionsOf(url), retryStrategy: () => 50 })],
  ])('F39: %s: every connection is closed', async (_what, make) => {
    expect(await useAndClose(make(harness.url), harness.prefix)).toEqual([])
    await until(async () => (await connectionsOf(harness.nodes, harness.prefix)).length === 0)
  })

  it.each([
    ['a Redis', {}],
    ['a Redis that never retries', { maxRetriesPerRequest: null, enableOfflineQueue: true, commandTimeout: 1_000 }],
    ['a Redis that thinks in other types', { stringNumbers: true, enableAutoPipelining: true }],
  ])('F39: %s: own connections are closed, the given one is left as it is', async (_what, options) => {
    const given = new Redis(harness.url, options)
    await until(() => given.status === 'ready')
    expect(await useAndClose(given, harness.prefix)).toEqual([])
    await until(async () => (await connectionsOf(harness.nodes, harness.prefix)).length === 1)
    expect([given.status, given.mode]).toEqual(['ready', 'normal'])
    given.disconnect()
  })

  it('a Redis that was not connected yet is not connected by it', async () => {
    const given = new Redis(harness.url, { lazyConnect: true })
    await useAndClose(given, harness.prefix)
    expect(given.status).toBe('wait')
  })

  it('nothing is opened before the first use', async () => {
    const service = new RedisWorkflowService(harness.url, undefined, harness.prefix)
    service.bind({ workflowService: service, logger: quiet }, registry)
    expect(await connectionsOf(harness.nodes, harness.prefix)).toEqual([])
    await service.close()
    await until(async () => (await connectionsOf(harness.nodes, harness.prefix)).length === 0)
  })
})

describe('a Cluster', () => {
  let cluster: RedisCluster
  beforeAll(async () => {
    cluster = await startRedisCluster()
  }, 60_000)
  afterAll(() => cluster.dispose())

  it('own connections are closed, the given one is left as it is', { timeout: 30_000 }, async () => {
    const harness = await openRedis({ cluster })
    await harness.ports.store.close()
    const user = { username: harness.prefix, password: 'secret' }
    const given = new Cluster([...cluster.nodes], { redisOptions: user })
    await until(() => given.status === 'ready')
    await given.hget(`${harness.prefix}:meta`, 'buckets')
    const before = (await connectionsOf(harness.nodes, harness.prefix)).length
    expect(await useAndClose(given, harness.prefix)).toEqual([])
    expect(await given.hget(`${harness.prefix}:meta`, 'buckets')).toBe('64')
    await until(async () => (await connectionsOf(harness.nodes, harness.prefix)).length <= before + 1)
    given.disconnect()
    await until(async () => (await connectionsOf(harness.nodes, harness.prefix)).length === 0)
    await harness.dispose()
  })
})

describe('a server that comes and goes', () => {
  let server: RedisServer
  let admin: Redis
  let ports: StorePorts

  beforeEach(async () => {
    server = await startFreshRedis({ settings: { appendfsync: 'always' } })
    admin = new Redis(server.url)
    admin.on('error', () => {
      // It goes away as often as the server does.
    })
    ports = openRedisStore(server.url, 'workflows', { leaseMs: 2_000, logger: quiet })
    await ports.admin.migrate()
  })
  afterEach(async () => {
    await ports.store.close()
    admin.disconnect()
    await server.dispose()
  })

  async function listed(): Promise<string[]> {
    const runIds: string[] = []
    let cursor: string | null = null
    do {
      const page = await ports.reader.listRuns({ limit: 10_000, ...(cursor === null ? {} : { cursor }) })
      runIds.push(...page.runs.map(({ runId }) => runId))
      cursor = page.cursor
    } while (cursor !== null)
    return runIds.sort()
  }

  /** Creates runs for as long as something happens; every one of them is answered, and was made once. */
  async function under(happening: () => Promise<void>): Promise<void> {
    const created: string[] = []
    let isOver = false
    const creating = Array.from({ length: 8 }, async () => {
      while (!isOver) {
        const answer = await ports.store.createRun(newRun())
        expect(answer.created).toBe(true)
        created.push(answer.run.runId)
      }
    })
    try {
      await happening()
    } finally {
      isOver = true
    }
    await Promise.all(creating)
    expect(created.length).toBeGreaterThan(10)
    expect(await listed()).toEqual(created.sort())
  }

  it('scripts are forgotten again and again', async () => {
    await under(async () => {
      for (let flushes = 0; flushes < 50; flushes += 1) await admin.script('FLUSH')
    })
  })

  it('connections are cut again and again', { timeout: 30_000 }, async () => {
    await under(async () => {
      for (let kills = 0; kills < 20; kills += 1) {
        await admin.call('client', 'kill', 'type', 'normal', 'skipme', 'yes')
        const before = Number(/total_commands_processed:(\d+)/.exec(await admin.info('stats'))?.[1])
        await until(async () => Number(/processed:(\d+)/.exec(await admin.info('stats'))?.[1]) > before + 20)
      }
    })
  })

  it('F44: it is killed and comes back with its append-only file', { timeout: 60_000 }, async () => {
    await under(async () => {
      for (let kills = 0; kills < 3; kills += 1) {
        const before = await admin.dbsize()
        await until(async () => (await admin.dbsize()) > before + 20)
        await server.kill()
        await server.start()
      }
    })
  })

  it('what was given up while it was away does not happen later', { timeout: 60_000 }, async () => {
    await server.kill()
    const given = newRun()
    const since = performance.now()
    await expect(ports.store.createRun(given)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringMatching(
        /create-run: Redis at 127\.0\.0\.1:\d+\/0 gave no definite answer: .*ECONNREFUSED/,
      ),
    })
    expect(performance.now() - since).toBeLessThan(15_000)
    await server.start()
    await ports.store.createRun(newRun('another'))
    expect(await listed()).toEqual(['another'])
  })

  it(
    'it stops answering: the connection is given up, and the answer had from another',
    { timeout: 60_000 },
    async () => {
      const pid = Number(/process_id:(\d+)/.exec(await admin.info('server'))?.[1])
      process.kill(pid, 'SIGSTOP')
      const creating = ports.store.createRun(newRun('a'))
      const reading = ports.reader.getRun('nobody')
      await new Promise((resolve) => setTimeout(resolve, 6_000))
      process.kill(pid, 'SIGCONT')
      expect((await creating).created).toBe(true)
      expect(await reading).toBeNull()
      expect(await listed()).toEqual(['a'])
    },
  )

  it('an answer that came while the main thread was busy is heard', { timeout: 60_000 }, async () => {
    const ids = async (): Promise<string[]> =>
      ((await admin.client('LIST')) as string).split('\n').map((line) => line.split(' ')[0] ?? '')
    const before = await ids()
    const creating = ports.store.createRun(newRun('a'))
    const end = performance.now() + 6_000
    await new Promise((resolve) => setImmediate(resolve))
    while (performance.now() < end);
    expect((await creating).created).toBe(true)
    expect(await ids()).toEqual(before)
  })

  it('it is a replica for a while, and then a master again', { timeout: 30_000 }, async () => {
    await admin.replicaof('127.0.0.1', 1)
    const creating = ports.store.createRun(newRun('a'))
    await until(async () => Number(/errorstat_READONLY:count=(\d+)/.exec(await admin.info('errorstats'))?.[1]) > 1)
    await admin.replicaof('NO', 'ONE')
    expect((await creating).created).toBe(true)
  })

  it('its memory is full for a while', { timeout: 30_000 }, async () => {
    await admin.config('SET', 'maxmemory', '1mb')
    const creating = ports.store.createRun(newRun('a'))
    await until(async () => Number(/errorstat_OOM:count=(\d+)/.exec(await admin.info('errorstats'))?.[1]) > 1)
    await admin.config('SET', 'maxmemory', '0')
    expect((await creating).created).toBe(true)
  })

  it('a closed store says so, at once', async () => {
    await ports.store.close()
    const since = performance.now()
    const calls = [() => ports.store.createRun(newRun()), () => ports.reader.getRun('a'), () => ports.admin.migrate()]
    for (const call of calls) {
      await expect(call()).rejects.toMatchObject({
        code: 'STORE_UNAVAILABLE',
        message: expect.stringMatching(/closed/),
      })
    }
    expect(performance.now() - since).toBeLessThan(1_000)
  })
})
