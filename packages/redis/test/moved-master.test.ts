import { startRedisName } from '@pikku/tooling/redis-name'
import type { RedisName } from '@pikku/tooling/redis-name'
import { afterEach, beforeEach, expect, onTestFinished, test } from 'vitest'
import type { StorePorts } from '@pikku/core/contract'
import { openRedisStore, RedisWorkflowService } from '../src/index.ts'
import { freshPrefix, quiet, subscribersOf, until } from './redis-harness.ts'
import { registryOf } from './support/app.ts'

/** A master becomes a replica and keeps its connections; the name leads to another. */
let name: RedisName
let prefix: string
let ports: StorePorts
beforeEach(async () => {
  name = await startRedisName()
  prefix = freshPrefix()
  ports = openRedisStore(name.url, prefix, { leaseMs: 8_000, logger: quiet })
}, 30_000)
afterEach(async () => {
  await ports.store.close()
  await name.dispose()
}, 30_000)

const newRun = { runId: 'run', workflow: 'order', input: '1', inputDigest: '', tags: [] }

test('a process that only starts runs finds the new master', { timeout: 30_000 }, async () => {
  await ports.store.createRun({ ...newRun, runId: 'before' })
  await name.failOver()
  expect((await ports.store.createRun(newRun)).created).toBe(true)
  expect(await name.second.exists(`${prefix}:{0}:run:run`)).toBe(1)
})

test('so does one that only looks: it hears others there, and counts as alive', { timeout: 30_000 }, async () => {
  await ports.store.enlist('owner')
  await ports.notices.subscribe({ onChanged: () => undefined, onMissed: () => undefined })
  await name.failOver()
  await ports.store.sweep({ limit: 10, redispatchAfterMs: 1_000, graceMs: 1_000, known: [] })
  for (const channel of [`${prefix}:alive:owner`, `${prefix}:notices`]) {
    await until(async () => (await subscribersOf([name.second], channel)) === 1)
  }
})

test('a subscription that stays behind when the others are cut is made anew', { timeout: 30_000 }, async () => {
  await ports.store.enlist('owner')
  await name.failOver()
  await name.first.call('client', 'kill', 'type', 'normal')
  const isAlive = async (): Promise<boolean> => {
    await ports.store.sweep({ limit: 10, redispatchAfterMs: 1_000, graceMs: 1_000, known: [] })
    return (await subscribersOf([name.second], `${prefix}:alive:owner`)) === 1
  }
  await until(isAlive)
})

test(
  'runs go on there: nobody takes those who live for dead, and every step is executed once',
  { timeout: 60_000 },
  async () => {
    const executed: string[] = []
    const released = Promise.withResolvers<void>()
    const services = Array.from({ length: 2 }, () => {
      const service = new RedisWorkflowService(name.url, undefined, prefix, { leaseMs: 4_000 })
      const registry = registryOf({
        workflows: {
          long: ({ workflow }) =>
            workflow.do('long', async () => {
              executed.push(workflow.runId)
              await released.promise
            }),
        },
      })
      service.bind({ workflowService: service, logger: quiet }, registry)
      onTestFinished(() => service.close({ graceMs: 0 }))
      return service
    })
    const runIds = Array.from({ length: 6 }, (_, at) => `run-${at}`)
    const ends = runIds.map((runId, at) => services[at % 2]?.startRun('long', null, { runId }))
    await until(() => executed.length === runIds.length)
    await name.failOver()
    const since = performance.now()
    // In which those who are taken for dead lose what they hold.
    await until(() => performance.now() - since > 6_000)
    released.resolve()
    await Promise.all(ends)
    expect(executed.sort()).toEqual(runIds)
  },
)
