import { createRpc } from '@pikku/core'
import { BullQueueService, BullQueueWorkers } from '@pikku/queue-bullmq'
import { RedisWorkflowService } from '@pikku/redis'
import { startFreshRedis, type RedisServer } from '@pikku/tooling/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { registerTestApp } from './app.ts'
import { startFakeRedis } from './fake-redis.ts'
import { describeError, Notebook } from './notebook.ts'
import { freePort, notebook, password, refusals, refuseEverything, type Makers } from './refusals.ts'

const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const loose = (value: unknown): never => value as never

const makers: Makers = {
  workflowService: (url, queueService) => new RedisWorkflowService(url, queueService, 'workflows', { leaseMs: 1_000 }),
  queueService: (url) => new BullQueueService(url, { logger: quiet }),
  workers: (services) => new BullQueueWorkers(services),
}

let server: RedisServer
let redis: Redis

beforeAll(async () => {
  server = await startFreshRedis()
  redis = new Redis(server.url)
  await redis.call('ACL', 'SETUSER', 'ada', 'on', `>${password}`, '+ping', '+info')
  registerTestApp()
})

afterAll(async () => {
  await redis?.quit()
  await server?.dispose()
})

/** The server's address as this user's. */
function as(username: string, secret = password): string {
  return Object.assign(new URL(server.url), { username, password: secret }).href
}

async function refuse(name: string, acts: Readonly<Record<string, () => unknown>>): Promise<void> {
  const notes = new Notebook()
  for (const [given, act] of Object.entries(acts)) await notes.refused(given, act)
  await notes.check(name)
}

/** As `a name that is too long` is shown in the notes. */
const named = (names: readonly unknown[]) =>
  names.map((name): [string, unknown] => [typeof name === 'string' && name.length > 50 ? `<${name.length} characters>` : JSON.stringify(name) ?? 'undefined', name]) // prettier-ignore

const noConnections: readonly unknown[] = [
  undefined,
  null,
  '',
  'localhost',
  'http://localhost:6379',
  'postgres://ada:secret@localhost/app',
  7,
  ['redis://localhost'],
]

test('options, prefix and connection of the workflow service', async () => {
  const nowhere = 'redis://localhost:1'
  const service = (options: unknown) => () => new RedisWorkflowService(nowhere, undefined, 'workflows', loose(options))
  const prefixes = named(['', ' ', 'a b', 'a{b}', 'a\nb', 'a\0b', '\ud800', 'p'.repeat(201), 7, null])
  const connections = named(noConnections)
  const keyPrefix = () => new Redis({ keyPrefix: '{app}:', lazyConnect: true })
  await refuse('redis-workflow-service', {
    'leaseMs: 10': service({ leaseMs: 10 }),
    "retention: 'soon'": service({ retention: 'soon' }),
    'migrate: false, which is an option of PostgreSQL': service({ migrate: false }),
    'a prefix in the place of the queue service': () => new RedisWorkflowService(nowhere, loose('workflows')),
    ...Object.fromEntries(prefixes.map(([text, prefix]) => [`prefix ${text}`, () => new RedisWorkflowService(nowhere, undefined, prefix as string)])), // prettier-ignore
    "a client with the keyPrefix '{app}:'": () => new RedisWorkflowService(keyPrefix()),
    ...Object.fromEntries(connections.map(([text, given]) => [`connection ${text}`, () => new RedisWorkflowService(loose(given))])), // prettier-ignore
    'connection new Map()': () => new RedisWorkflowService(loose(new Map())),
  })
})

test('prefix and connection of the queue service', async () => {
  const prefixes = named(['', 'a b', 'a{b}', 'a\0b', 'p'.repeat(201), 7])
  const keyPrefix = () => new Redis({ keyPrefix: 'app:', lazyConnect: true })
  await refuse('redis-queue-service', {
    ...Object.fromEntries(prefixes.map(([text, prefix]) => [`prefix ${text}`, () => new BullQueueService('redis://localhost:1', { prefix: prefix as string })])), // prettier-ignore
    "a client with the keyPrefix 'app:'": () => new BullQueueService(keyPrefix()),
    ...Object.fromEntries(named(noConnections).map(([text, given]) => [`connection ${text}`, () => new BullQueueService(loose(given))])), // prettier-ignore
  })
})

test('a server that cannot be reached', async () => {
  const port = await freePort()
  const notes = notebook([port])
  await refuseEverything(notes, makers, {
    'nobody listens': `redis://ada:${password}@127.0.0.1:${port}`,
    'no such host': `redis://ada:${password}@no-such-host.invalid:6379`,
  })
  await notes.check('redis-unreachable-server')
})

test('a server that refuses', async () => {
  const notes = notebook([server.port])
  await refuseEverything(notes, makers, {
    'a wrong password': as('default', `${password}x`),
    'no password': `redis://${server.host}:${server.port}`,
    'no such user': as('nobody'),
    'no such database': `${server.url}/99`,
  })
  await notes.check('redis-refusing-server')
  expect(await redis.dbsize()).toBe(0)
})

test('a user without the rights', async () => {
  const notes = notebook([server.port])
  for (const [given, error] of await refusals(makers, as('ada'), ['queueService.init()']))
    notes.add(`least privilege: ${given}`, describeError(error))
  await notes.check('redis-least-privilege')
})

test('too old a server', async () => {
  const old = await startFakeRedis({ redis_version: '5.0.14', maxmemory_policy: 'noeviction' })
  onTestFinished(() => old.close())
  const notes = notebook([old.port])
  // The queue is what BullMQ makes of it.
  const but = ['queueService.init()', "queueService.add('mail', 1)"]
  for (const [given, error] of await refusals(makers, `redis://ada:${password}@127.0.0.1:${old.port}`, but))
    notes.add(`5.0: ${given}`, describeError(error))
  await notes.check('redis-old-server')
  expect([...old.asked].filter((name) => /eval|set|add|push/.test(name) && name !== 'client')).toEqual([])
})

test('a server that may drop runs, or is one of several', async () => {
  const notes = new Notebook()
  const whatItSays = {
    'maxmemory-policy allkeys-lru': { maxmemory_policy: 'allkeys-lru' },
    'a node of a Cluster': { maxmemory_policy: 'noeviction', cluster_enabled: '1' },
  }
  for (const [what, info] of Object.entries(whatItSays)) {
    const fake = await startFakeRedis({ redis_version: '7.4.0', ...info })
    onTestFinished(() => fake.close())
    const service = makers.workflowService(`redis://ada:${password}@127.0.0.1:${fake.port}`, loose(undefined))
    onTestFinished(() => service.close())
    const hidden = (error: Error) => Promise.reject(Object.assign(error, { message: error.message.replaceAll(String(fake.port), '<port>') })) // prettier-ignore
    await notes.refused(`${what}: init()`, () => service.init().catch(hidden))
    await notes.refused(`${what}: rpc.startWorkflow('echo', 1)`, () => createRpc({ workflowService: service, logger: quiet }).startWorkflow('echo', 1).catch(hidden)) // prettier-ignore
    expect([...fake.asked].filter((name) => name.startsWith('eval'))).toEqual([])
  }
  await notes.check('redis-unsafe-server')
})

test('a server that forgets: said once', async () => {
  const warned: string[] = []
  const logger = { ...quiet, warn: (message: string) => void warned.push(message) }
  const notes = new Notebook()
  for (const save of ['', '3600 1']) {
    const forgetful = await startFreshRedis({ settings: { appendonly: 'no', save: save || '""' } })
    onTestFinished(() => forgetful.dispose())
    const workflowService = new RedisWorkflowService(forgetful.url)
    createRpc({ workflowService, logger })
    for (let n = 0; n < 2; n++) await workflowService.init()
    await workflowService.close()
    expect(warned).toHaveLength(1)
    notes.add(`appendonly no, save '${save}'`, (warned.pop() ?? '').replaceAll(String(forgetful.port), '<port>'))
  }
  await notes.check('redis-forgetful-server')
})

test('a prefix that a newer version has written, or that is divided otherwise', async () => {
  const notes = notebook([server.port])
  const open = (options = {}) => {
    const service = new RedisWorkflowService(server.url, undefined, 'written', options)
    onTestFinished(() => service.close())
    return service
  }
  await open().init()
  await notes.refused('other buckets: init()', () => open({ buckets: 8 }).init())
  await redis.hset('written:meta', 'version', 99)
  const before = await redis.keys('written:*')
  await notes.refused('a newer layout: init()', () => open().init())
  await notes.refused("a newer layout: getRun('x')", () => open().getRun('x'))
  const rpc = createRpc({ workflowService: open(), logger: quiet })
  await notes.refused("a newer layout: rpc.startWorkflow('echo', 1)", () => rpc.startWorkflow('echo', 1))
  expect(await redis.keys('written:*')).toEqual(before)
  await notes.check('redis-newer-data')
})
