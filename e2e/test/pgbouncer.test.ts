import { findPgBouncer, startPgBouncer, withoutPgBouncer, type PgBouncer } from '@pikku/tooling/pgbouncer'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openPair, purePairs, type OpenPair } from '../harness/pairs.ts'
import { World } from '../harness/world.ts'

const [pair] = purePairs
if (!pair) throw new Error('there is no pair on PostgreSQL')
const leaseMs = 3_000

/** The whole app, state and queue, knows nothing but the pooler. */
describe.skipIf(!findPgBouncer())(`${pair.name}, both behind PgBouncer in transaction mode${withoutPgBouncer}`, () => {
  let opened: OpenPair
  let bouncer: PgBouncer
  let world: World

  beforeAll(async () => {
    opened = await openPair(pair)
    bouncer = await startPgBouncer(opened.servers.STORE_URL)
  })
  beforeEach(async () => {
    world = await World.open({ STORE_URL: bouncer.url, QUEUE_URL: bouncer.url })
  })
  afterEach(() => world.close())
  afterAll(async () => {
    await bouncer?.stop()
    await opened?.close()
  })

  test('runs end, and waiting for one of them ends with it', async () => {
    const workers = await Promise.all([world.startWorker(), world.startWorker()])
    const runs = await Promise.all(Array.from({ length: 20 }, () => world.rpc.startWorkflow('chain', { length: 5 })))
    for (const { runId } of runs) {
      expect(await world.services.workflowService.waitForRun(runId, { timeout: '60s' })).toBe(10)
    }
    expect(world.entries({ event: 'started' })).toHaveLength(20 * 5)
    // What is not to be had is said once each, by the store and by the queue.
    for (const { output } of workers) {
      for (const words of ['hears nothing', 'is noticed when its leases end', 'LISTEN does not work']) {
        expect(output.split(words).length - 1, `${words}, in:\n${output}`).toBe(1)
      }
    }
  }, 120_000)

  test('SIGKILL in an RPC step: its next attempt starts elsewhere when the lease is over', async () => {
    await Promise.all([1, 2].map(() => world.startWorker({ LEASE_MS: String(leaseMs) })))
    const { runId } = await world.rpc.startWorkflow('rpc-hold')
    const first = await world.entry({ event: 'started', step: 'hold' })
    const killedAt = performance.now()
    await world.worker(first.pid).kill()
    const second = await world.entry({ event: 'started', step: 'hold', attempt: 2 })
    const tookMs = performance.now() - killedAt
    console.log(
      `measured: ${pair.name} behind PgBouncer: SIGKILL in an RPC step, until its next attempt starts: ${Math.round(tookMs)} ms, lease ${leaseMs} ms`,
    )
    world.openGate()
    expect(await world.services.workflowService.waitForRun(runId, { timeout: '60s' })).toEqual([
      'first',
      'hold',
      'last',
    ])
    expect(second.pid).not.toBe(first.pid)
    expect(world.entries({ event: 'started', step: 'hold' })).toHaveLength(2)
    // No sooner than by the lease: to the server the process is as alive as its pooler.
    expect(tookMs).toBeGreaterThan(leaseMs / 2)
  }, 120_000)
})
