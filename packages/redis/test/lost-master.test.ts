import { Cluster } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'
import { startRedisCluster } from '@pikku/tooling/redis-cluster'
import { bucketAt, bucketsOf } from '../src/buckets.ts'
import { RedisWorkflowService } from '../src/index.ts'
import { freshPrefix, quiet, until } from './redis-harness.ts'
import { registryOf } from './support/app.ts'

test('while a master is away that nobody replaces, runs at the others go on, with their timers and leases', async () => {
  const cluster = await startRedisCluster({ 'cluster-require-full-coverage': 'no' })
  onTestFinished(() => cluster.dispose())
  // A user of its own would not be known to the master that comes back.
  const given = new Cluster([...cluster.nodes], { lazyConnect: true, redisOptions: { password: cluster.password } })
  const prefix = freshPrefix()
  const executed: string[] = []
  const released = Promise.withResolvers<void>()
  const services = Array.from({ length: 2 }, () => {
    const service = new RedisWorkflowService(given, undefined, prefix, { leaseMs: 1_000 })
    const registry = registryOf({
      workflows: {
        naps: async ({ workflow }) => {
          for (let i = 0; i < 3; i += 1) await workflow.sleep('nap', 400)
          return 'rested'
        },
        long: async ({ workflow }) => {
          await workflow.do('long', async () => {
            executed.push(workflow.runId)
            await released.promise
          })
          return 'done'
        },
      },
    })
    service.bind({ workflowService: service, logger: quiet }, registry)
    onTestFinished(() => service.close({ graceMs: 0 }))
    return service
  })
  // Opened while all masters are there: one that is away may be the one that knows how the store is laid out.
  await Promise.all(services.map((service) => service.init()))
  // The second of three masters has the buckets in the middle.
  const bucketIndex = (runId: string): number => bucketAt(bucketsOf(prefix, 64), runId).index
  const runIds = Array.from({ length: 200 }, (_, i) => `run-${i}`)
  const away = runIds.find((runId) => bucketIndex(runId) > 22 && bucketIndex(runId) < 41) ?? ''
  const [first = '', ...others] = runIds
    .filter((runId) => bucketIndex(runId) < 20 || bucketIndex(runId) > 43)
    .slice(0, 61)
  const of = (runId: string): string[] => executed.filter((one) => one === runId)
  // Both are held by the same process: one lease cannot be renewed, the other has to be.
  const ofAway = services[0]?.startRun('long', null, { runId: away })
  const held = services[0]?.startRun('long', null, { runId: first })
  await until(() => executed.length === 2)
  await cluster.masters[1]?.kill()
  const since = performance.now()
  const ends = others.map((runId, i) => services[i % 2]?.startRun('naps', null, { runId }))
  await Promise.all(ends)
  expect(performance.now() - since).toBeLessThan(10_000)
  for (const runId of others) {
    expect(await services[0]?.getRun(runId)).toMatchObject({ status: 'completed', output: 'rested' })
  }
  // By then its lease would have been over several times.
  await until(() => performance.now() - since > 4_000)
  expect(of(first)).toHaveLength(1)
  released.resolve()
  await held
  expect(of(first)).toHaveLength(1)

  await cluster.masters[1]?.start()
  await ofAway
  expect(await services[0]?.getRun(away)).toMatchObject({ status: 'completed', output: 'done' })
}, 60_000)
