import { fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import type { Turn } from '@pikku/core/contract'
import type { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { startRedisCluster } from '@pikku/tooling/redis-cluster'
import type { RedisCluster } from '@pikku/tooling/redis-cluster'
import { beginSlotMove } from '@pikku/tooling/redis-slots'
import type { MovingSlot } from '@pikku/tooling/redis-slots'
import { bucketAt, bucketsOf } from '../src/buckets.ts'
import { openRedisStore, RedisWorkflowService } from '../src/index.ts'
import { deliverNothing, openLinked } from './link-harness.ts'
import { openRedis, quiet, until } from './redis-harness.ts'
import type { RedisHarness } from './redis-harness.ts'
import { registryOf } from './support/app.ts'

const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }
const newRun = (runId: string) => ({ runId, workflow: 'order', input: '1', inputDigest: '', tags: [] })

describe('a Redis Cluster', { timeout: 60_000 }, () => {
  let cluster: RedisCluster
  let harness: RedisHarness
  let masters: readonly Redis[]

  beforeAll(async () => {
    cluster = await startRedisCluster()
  }, 60_000)
  afterAll(() => cluster?.dispose())
  beforeEach(async () => {
    harness = await openRedis({ cluster })
    masters = harness.nodes.slice(0, 3)
  })
  afterEach(() => harness.dispose())

  const rootOf = (runId: string): string => bucketAt(bucketsOf(harness.prefix, 64), runId).root

  /** Begin to move the slot of this run to another master. */
  const moveBucketOf = (runId: string): Promise<MovingSlot> => beginSlotMove(rootOf(runId), masters)

  test('masters share the runs', async () => {
    const { store } = harness.ports
    await Promise.all(Array.from({ length: 600 }, (_, i) => store.createRun(newRun(`run-${i}`))))
    const counts = await Promise.all(
      masters.map(async (node) => {
        const keys = await node.keys(`${harness.prefix}:*:run:*`)
        return keys.length
      }),
    )
    expect(counts.reduce((sum, count) => sum + count)).toBe(600)
    for (const count of counts) expect(count, counts.join()).toBeGreaterThan(130)
  })

  test('what a killed process had to tell runs at other masters is told by another', async () => {
    // One bucket on each master.
    const linked = await openLinked(undefined, cluster)
    onTestFinished(() => linked.dispose())
    const { store, reader } = linked.ports
    const idOn = (bucket: number): string => {
      for (let i = 0; ; i += 1) if (crc32(`${bucket}-${i}`) % 3 === bucket) return `${bucket}-${i}`
    }
    const [parent, child] = [idOn(0), idOn(1)]
    const step = { name: 'child', ordinal: 0 }
    const plan = { ...newRun(child), parent: { runId: parent, step, onEnd: 'cancel' as const } }
    const turn = { number: 1, after: 0, codeHash: 'code-1', schedule: [], record: [] }
    const play = async (runId: string, rest: Pick<Turn, 'next'> & Partial<Turn>): Promise<void> => {
      const doomed = linked.through(deliverNothing)
      const ask = { runId, owner: runId, claimId: runId, leaseMs: 60_000, known, after: 0, limit }
      const claim = await doomed.store.claimRun(ask)
      if (!claim || 'ended' in claim) throw new Error(`${runId} cannot be claimed`)
      await doomed.store.commitRun(claim.lease, { ...turn, ...rest })
      await doomed.store.close()
    }
    const sweep = async (): Promise<readonly string[]> => {
      await linked.advance(2_000)
      const { items } = await store.sweep({ limit: 100, redispatchAfterMs: 60_000, graceMs: 60_000, known })
      return items.map(({ runId }) => runId)
    }
    await store.createRun(newRun(parent))
    const schedule = [{ kind: 'child' as const, id: step, askedAfter: 0, child: plan }]
    await play(parent, { schedule, next: { kind: 'park', wakeSeq: 1 } })
    expect(await reader.getRun(child)).toBeNull()
    expect(await sweep()).toEqual([child])
    await play(child, { next: { kind: 'complete', output: '"out"' } })
    expect(await reader.listSteps(parent)).toMatchObject([{ status: 'scheduled' }])
    expect(await sweep()).toEqual([parent])
    expect(await reader.listSteps(parent)).toMatchObject([{ status: 'succeeded', output: '"out"' }])
  })

  test('F10: a process killed with SIGKILL is missed within some two seconds', async () => {
    const { prefix, ports } = harness
    await ports.store.createRun(newRun('run'))
    const nodes = JSON.stringify(cluster.nodes)
    const doomed = fork(new URL('support/doomed.ts', import.meta.url), [nodes, prefix, 'run', 'doomed'], {
      execArgv: ['--conditions=pikku-source'],
    })
    expect(await once(doomed, 'message')).toEqual(['claimed', undefined])
    // No server counts as just started.
    await harness.advance(5_000)
    const sweep = () => ports.store.sweep({ limit: 100, redispatchAfterMs: 60_000, graceMs: 1_000, known })
    expect((await sweep()).items).toEqual([])
    doomed.kill('SIGKILL')
    const since = performance.now()
    await until(async () => (await sweep()).items.length > 0)
    const missedMs = performance.now() - since
    console.info(`a killed process was missed after ${Math.round(missedMs)} ms`)
    expect(missedMs).toBeGreaterThan(900)
    expect(missedMs).toBeLessThan(3_000)
  })

  describe('while a slot moves to another master', () => {
    test('an operation waits, and is done once; what is read is there', async () => {
      const { store, reader } = harness.ports
      await store.createRun(newRun('run'))
      await store.createRun(newRun('elsewhere'))
      const move = await moveBucketOf('run')
      const again = store.createRun(newRun('run'))
      const claiming = store.claimRun({
        runId: 'run',
        owner: 'a',
        claimId: 'c',
        leaseMs: 60_000,
        known,
        after: 0,
        limit,
      })
      await move.hand(2)
      expect(await reader.getRun('run')).toMatchObject({ status: 'running' })
      expect(rootOf('elsewhere')).not.toBe(rootOf('run'))
      expect((await store.createRun(newRun('elsewhere'))).created).toBe(false)
      expect(await Promise.race([again, claiming, delay(300, 'waits')])).toBe('waits')
      await move.finish()
      expect(await again).toMatchObject({ created: false, run: { status: 'running' } })
      expect(await claiming).toMatchObject({ lease: { epoch: 1 } })
    })

    test('calls that travel together wait together, and each is done once', async () => {
      const { store } = harness.ports
      const together = Array.from({ length: 2_000 }, (_, at) => `run-${at}`).filter(
        (id) => rootOf(id) === rootOf('run'),
      )
      expect(together.length).toBeGreaterThan(10)
      await store.createRun(newRun('run'))
      const move = await moveBucketOf('run')
      const creating = Promise.all(together.map((runId) => store.createRun(newRun(runId))))
      await move.hand(2)
      expect(await Promise.race([creating, delay(300, 'waits')])).toBe('waits')
      await move.finish()
      for (const { created } of await creating) expect(created).toBe(true)
    })

    test('a user who may not ask for what moves waits until it is there', async () => {
      const { prefix, nodes, ports } = harness
      await ports.store.createRun(newRun('run'))
      await Promise.all(nodes.map((node) => node.call('acl', 'setuser', prefix, '-asking')))
      const move = await moveBucketOf('run')
      const again = ports.store.createRun(newRun('run'))
      await move.hand(2)
      expect(await Promise.race([again, delay(300, 'waits')])).toBe('waits')
      await move.finish()
      expect(await again).toMatchObject({ created: false })
    })

    test('a sweep does what is due in all other buckets', async () => {
      const { store } = harness.ports
      const runIds = Array.from({ length: 200 }, (_, i) => `run-${i}`)
      await Promise.all(runIds.map((runId) => store.createRun(newRun(runId))))
      await harness.advance(10_000)
      const move = await moveBucketOf('run-0')
      const since = performance.now()
      const { items } = await store.sweep({ limit: 1_000, redispatchAfterMs: 5_000, graceMs: 1_000, known })
      expect(performance.now() - since).toBeLessThan(3_000)
      const moving = runIds.filter((runId) => rootOf(runId) === rootOf('run-0'))
      expect(items.map(({ runId }) => runId).sort()).toEqual(runIds.filter((runId) => !moving.includes(runId)).sort())
      await move.finish()
      // What was given up may have come late, and have rung them for nobody: then they are rung again after a while.
      await harness.advance(20_000)
      const rest = await store.sweep({ limit: 1_000, redispatchAfterMs: 5_000, graceMs: 1_000, known })
      expect(rest.items.map(({ runId }) => runId)).toEqual(expect.arrayContaining(moving))
    })

    test('leases at other masters are renewed', async () => {
      const { store } = harness.ports
      const leases = []
      for (const runId of ['run', 'elsewhere']) {
        await store.createRun(newRun(runId))
        const claim = await store.claimRun({
          runId,
          owner: 'a',
          claimId: runId,
          leaseMs: 60_000,
          known,
          after: 0,
          limit,
        })
        if (claim && 'lease' in claim) leases.push(claim.lease)
      }
      const move = await moveBucketOf('run')
      const renewed = await store.renewLeases(leases, 60_000)
      expect(renewed).toEqual({ lost: [], busy: [leases[0]], woken: [] })
      await move.finish()
      expect(await store.renewLeases(leases, 60_000)).toEqual({ lost: [], busy: [], woken: [] })
    })

    test('runs go on: every step is executed once', async () => {
      const executed = new Map<string, number>()
      const count = (key: string): void => void executed.set(key, (executed.get(key) ?? 0) + 1)
      const registry = registryOf({
        workflows: {
          chain: async ({ workflow }, input) => {
            let sum = 0
            for (let i = 0; i < 4; i += 1) {
              sum = Number(await workflow.do('rpc', 'add', [workflow.runId, i, sum]))
              await workflow.sleep('nap', 200)
              await workflow.do('here', () => count(`${workflow.runId} here ${i}`))
            }
            return [input, sum]
          },
        },
        functions: {
          add: (_services, data) => {
            const [runId, i, sum] = data as [string, number, number]
            count(`${runId} rpc ${i}`)
            return sum + 1
          },
        },
      })
      const services = Array.from({ length: 3 }, () => {
        const service = new RedisWorkflowService(harness.given, undefined, harness.prefix)
        service.bind({ workflowService: service, logger: quiet }, registry)
        onTestFinished(() => service.close({ graceMs: 0 }))
        return service
      })
      const runIds = Array.from({ length: 150 }, (_, i) => `moved-${i}`)
      const ends = runIds.map((runId, i) => services[i % 3]?.startRun('chain', i, { runId }))
      for (const runId of runIds.slice(0, 12)) {
        const move = await moveBucketOf(runId)
        await move.hand(20)
        await delay(50)
        await move.finish()
      }
      await Promise.all(ends)
      for (const [i, runId] of runIds.entries()) {
        expect(await services[0]?.getRun(runId)).toMatchObject({ status: 'completed', output: [i, 4] })
      }
      expect(executed.size).toBe(150 * 8)
      expect([...executed].filter(([, times]) => times !== 1)).toEqual([])
    })
  })

  test('a prefix that was taken otherwise is refused', async () => {
    const { prefix, given } = harness
    const open = (buckets?: number) => {
      const ports = openRedisStore(given, prefix, { leaseMs: 2_000, logger: quiet, ...(buckets ? { buckets } : {}) })
      onTestFinished(() => ports.store.close())
      return ports.admin.migrate()
    }
    await expect(open(32)).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/divided into 64 buckets for ever, and 32 were asked for/),
    })
    // As it comes from a single server whose data was brought here.
    for (const node of masters) await node.hset(`${prefix}:meta`, 'buckets', 1).catch(() => undefined) // moved
    await expect(open()).rejects.toMatchObject({
      code: 'CONFIGURATION',
      message: expect.stringMatching(/first used on a single server .* use another prefix/),
    })
  })
})
