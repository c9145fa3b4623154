import { setTimeout as delay } from 'node:timers/promises'
import { createRegistry, defineWorkflow, type WorkflowConfig, type WorkflowContext } from '@pikku/core'
import { startFreshRedis, type RedisServer } from '@pikku/tooling/redis'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import commands from '../commands.json' with { type: 'json' }
import { RedisWorkflowService, type RedisWorkflowServiceOptions } from '../src/index.ts'
import { quiet, until } from './redis-harness.ts'

// A server of its own: connections are cut, and everything in it is counted.
let server: RedisServer
let redis: Redis

beforeAll(async () => {
  server = await startFreshRedis()
  redis = new Redis(server.url)
})
beforeEach(() => redis.flushall())
afterAll(async () => {
  await redis?.quit()
  await server?.dispose()
})

type Body = (workflow: WorkflowContext) => unknown

const steps =
  (count: number, note: (n: number) => void = () => {}): Body =>
  async (workflow) => {
    for (let n = 0; n < count; n++) await workflow.do('step', async () => note(n))
    return 'done'
  }

/** A process that runs workflows inline. */
function open(workflows: Readonly<Record<string, Body>>, prefix = 'workflows', more: RedisWorkflowServiceOptions = {}) {
  const service = new RedisWorkflowService(server.url, undefined, prefix, { leaseMs: 2_000, ...more })
  const wirings = Object.entries(workflows).map(([name, body]) => {
    const func = (given: object) => body((given as { workflow: WorkflowContext }).workflow)
    return { name, func: defineWorkflow({ func }) as WorkflowConfig }
  })
  service.bind({ workflowService: service, logger: quiet }, createRegistry({ functions: {}, workflows: wirings }))
  onTestFinished(() => service.close({ graceMs: 0 }))
  return service
}

/** How often the server was asked each command since `CONFIG RESETSTAT`, from scripts too. */
async function asked(): Promise<Map<string, number>> {
  const lines = (await redis.info('commandstats')).matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)
  return new Map([...lines].map(([, name = '', calls]) => [name, Number(calls)]))
}

async function countingAsked(act: () => Promise<unknown>): Promise<Map<string, number>> {
  await redis.config('RESETSTAT')
  await act()
  return asked()
}

/** Connections other than this test's. */
async function connections(): Promise<number> {
  const list = String(await redis.client('LIST'))
  return list.trim().split('\n').length - 1
}

test('F7: connections cut again and again and scripts forgotten reset no step', { timeout: 60_000 }, async () => {
  const done: number[] = []
  const service = open({ long: steps(150, (n) => void done.push(n)) })
  await service.init()
  const ended = service.startRun('long', null)
  let cuts = 0
  while ((await Promise.race([ended, delay(15, 'not yet')])) === 'not yet') {
    await redis.call('CLIENT', 'KILL', 'TYPE', 'normal')
    await redis.script('FLUSH')
    cuts++
  }
  expect(cuts).toBeGreaterThan(3)
  const { runId } = await ended
  expect(await service.getRun(runId)).toMatchObject({ status: 'completed', output: 'done' })
  expect(done).toEqual(Array.from({ length: 150 }, (_, n) => n))
  expect(await service.getRunHistory(runId)).toHaveLength(150)
})

test('F44: every connection cut, those that listen included, ends no process and no wait', async () => {
  let release: (() => void) | undefined
  const service = open({ waits: (workflow) => workflow.do('wait', () => new Promise<void>((go) => (release = go))) })
  const run = service.startRun('waits', null, { runId: 'one' })
  await until(() => release !== undefined)
  const other = open({})
  const waited = other.waitForRun('one', { timeout: '20s' })
  await until(async () => Number(((await redis.call('PUBSUB', 'NUMSUB', 'workflows:notices')) as unknown[])[1]) === 2)
  for (const type of ['normal', 'pubsub']) await redis.call('CLIENT', 'KILL', 'TYPE', type)
  release?.()
  await run
  await waited
  expect(await service.getRunHistory('one')).toHaveLength(1)
})

test('F45: deleted runs leave no key, a closed service no connection', async () => {
  // The server hears of the end of the other tests' somewhat later.
  await until(async () => (await connections()) === 0)
  const service = open({ ten: steps(10) })
  await service.init()
  const family: Body = async (workflow) => {
    await workflow.do('child', async () => 1)
    await workflow.sleep('nap', 1)
    return workflow.cancel('enough')
  }
  const busy = open({ ten: steps(10), family })
  for (const name of ['ten', 'ten', 'family']) await busy.startRun(name, { large: 'x'.repeat(1_000) })
  await busy.close()
  expect(await redis.dbsize()).toBeGreaterThan(30)
  expect(await service.deleteRuns({ finishedBefore: new Date(Date.now() + 60_000), limit: 10 })).toBe(3)
  await service.close()
  // How the prefix is divided stays; who has lived lately is forgotten by a sweep.
  expect((await redis.keys('*')).filter((key) => !/:meta$|:owners$/.test(key))).toEqual([])
  await until(async () => (await connections()) === 0)
})

/** All of them prefixes, with what is special elsewhere. */
const oddPrefixes = ['w*', 'w?', 'w[a-z]', 'w', 'a:b', "';FLUSHALL", '"', '\\', 'schlüssel-✓', '%s', 'x'.repeat(200)]
test('F52: a prefix is text and nothing else, whatever stands in it', async () => {
  const services = oddPrefixes.map((prefix) => open({ one: steps(1) }, prefix))
  await Promise.all(services.map((service, n) => service.startRun('one', n, { runId: 'same' })))
  for (const [n, service] of services.entries()) {
    expect(await service.getRun('same')).toMatchObject({ status: 'completed', input: n })
    expect((await service.listRuns({})).runs).toHaveLength(1)
  }
  const [first, ...others] = services
  expect(await first?.deleteRuns({ finishedBefore: new Date(Date.now() + 60_000), limit: 10 })).toBe(1)
  for (const service of others) expect(await service.getRun('same')).not.toBeNull()
  const foreign = (await redis.keys('*')).filter((key) => !oddPrefixes.some((prefix) => key.startsWith(`${prefix}:`)))
  expect(foreign).toEqual([])
})

test('F53: 20 services that start at once on an empty server', async () => {
  const services = Array.from({ length: 20 }, () => open({ one: steps(1) }))
  await Promise.all(services.map((service) => service.init()))
  const runs = await Promise.all(services.map((service) => service.startRun('one', 1, { runId: 'first' })))
  expect(runs.filter(({ created }) => created)).toHaveLength(1)
  expect(await redis.hgetall('workflows:meta')).toMatchObject({ buckets: '1' })
})

test('F56: a step costs as many round trips at the end of a long run as at its beginning', async () => {
  const service = open({ short: steps(50), long: steps(400) })
  await service.init()
  const scriptsOf = async (workflow: string) => {
    const calls = await countingAsked(() => service.startRun(workflow, null))
    return (calls.get('evalsha') ?? 0) + (calls.get('eval') ?? 0)
  }
  const [short, long] = [await scriptsOf('short'), await scriptsOf('long')]
  // One commit a step; what sweeps and renewals ask meanwhile is not counted by the step.
  expect(short).toBeGreaterThanOrEqual(50)
  expect(long - short).toBeGreaterThan(350 * 0.9)
  expect(long - short).toBeLessThan(350 * 1.5)
})

test('F60: history is read from its own run, however many others there are', async () => {
  const service = open({ three: steps(3), one: steps(1) })
  await service.startRun('three', null, { runId: 'mine' })
  const read = async () => {
    const calls = await countingAsked(() => service.getRunHistory('mine'))
    return (calls.get('hmget') ?? 0) + (calls.get('hgetall') ?? 0) + (calls.get('hget') ?? 0)
  }
  const alone = await read()
  for (let n = 0; n < 300; n++) await service.startRun('one', n)
  // The sweep may look at its owners meanwhile.
  expect(Math.abs((await read()) - alone)).toBeLessThan(20)
  expect(await service.getRunHistory('mine')).toHaveLength(3)
})

test('F60: nothing walks over all keys, ever', async () => {
  const all = [...Object.keys(commands.scripts), ...Object.keys(commands.client)]
  expect(all.filter((name) => /^(keys|scan|hscan|sscan|zscan|sort|flush\w*|randomkey)$/.test(name))).toEqual([])
  const service = open({ ten: steps(10) })
  const calls = await countingAsked(async () => {
    const { runId } = await service.startRun('ten', null, { runId: 'seen' })
    await service.getRunHistory(runId)
    await service.listRuns({ workflow: 'ten', status: 'completed' })
    await service.deleteRuns({ finishedBefore: new Date(Date.now() + 60_000), limit: 10 })
  })
  expect([...calls.keys()].filter((name) => /scan|^keys|sort/.test(name))).toEqual([])
  expect(calls.get('evalsha')).toBeGreaterThan(5)
})
