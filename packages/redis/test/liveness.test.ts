import { fork } from 'node:child_process'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { Sweep, Swept } from '@pikku/core/contract'
import { startFreshRedis } from '@pikku/tooling/redis'
import type { RedisServer } from '@pikku/tooling/redis'
import { openRedis, subscribersOf, until } from './redis-harness.ts'
import type { RedisHarness } from './redis-harness.ts'

const hour = 3_600_000
const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }

const sweepAsk = (graceMs: number): Sweep => ({ limit: 100, redispatchAfterMs: 60_000, graceMs, known })

async function held({ ports }: RedisHarness, runId: string, owner: string): Promise<void> {
  await ports.store.createRun({ runId, workflow: 'order', input: '1', inputDigest: '', tags: [] })
  expect(
    await ports.store.claimRun({ runId, owner, claimId: runId, leaseMs: hour, known, after: 0, limit }),
  ).not.toBeNull()
}

/** Sweeps until it finds something. */
async function found({ ports }: RedisHarness, graceMs: number): Promise<Swept> {
  let swept = await ports.store.sweep(sweepAsk(graceMs))
  await until(async () => {
    if (swept.items.length === 0) swept = await ports.store.sweep(sweepAsk(graceMs))
    return swept.items.length > 0
  })
  return swept
}

async function owners({ nodes, prefix }: RedisHarness): Promise<Record<string, string>> {
  return (await nodes[0]?.hgetall(`${prefix}:{0}:owners`)) ?? {}
}

describe('on a server that has been up for a while', () => {
  let harness: RedisHarness
  beforeEach(async () => {
    harness = await openRedis({ buckets: 1 })
  })
  afterEach(() => harness.dispose())

  test('F10: the leases of a process killed with SIGKILL end when its grace is over, long before they run out', async () => {
    const { url, prefix, ports } = harness
    await ports.store.createRun({ runId: 'run', workflow: 'order', input: '1', inputDigest: '', tags: [] })
    const doomed = fork(new URL('support/doomed.ts', import.meta.url), [url, prefix, 'run', 'doomed'], {
      execArgv: ['--conditions=pikku-source'],
    })
    expect(await once(doomed, 'message')).toEqual(['claimed', undefined])
    await harness.advance(5_000)
    expect((await ports.store.sweep(sweepAsk(100))).items).toEqual([])
    doomed.kill('SIGKILL')
    const since = performance.now()
    expect((await found(harness, 500)).items).toEqual([{ kind: 'run', runId: 'run', workflow: 'order' }])
    expect(performance.now() - since).toBeGreaterThan(400)
    expect(performance.now() - since).toBeLessThan(3_000)
  })

  test('the sweep says when the next grace is over', async () => {
    const gone = await harness.sibling()
    await gone.store.enlist('gone')
    await held(harness, 'run', 'gone')
    await harness.advance(10_000)
    await gone.store.close()
    await until(async () => (await subscribersOf(harness.nodes, `${harness.prefix}:alive:gone`)) === 0)
    const { items, nextDueInMs } = await harness.ports.store.sweep(sweepAsk(3_000))
    expect(items).toEqual([])
    expect(nextDueInMs).toBeGreaterThan(2_000)
    expect(nextDueInMs).toBeLessThanOrEqual(3_000)
  })

  test('a dead owner that holds nothing any more is forgotten', async () => {
    const gone = await harness.sibling()
    await gone.store.enlist('gone')
    await harness.ports.store.enlist('alive')
    await held(harness, 'run', 'gone')
    await harness.advance(10_000)
    await gone.store.close()
    await found(harness, 100)
    expect(await owners(harness)).toEqual({ alive: '' })
  })

  test('one that was forgotten while it was cut off is known again by its own next sweep', async () => {
    const { nodes, prefix, ports } = harness
    await ports.store.enlist('cut off')
    await nodes[0]?.del(`${prefix}:{0}:owners`)
    await ports.store.sweep(sweepAsk(1_000))
    expect(await owners(harness)).toEqual({ 'cut off': '' })
  })

  test('a lease that was ended with its owner is renewed when the owner is back, and found again when it goes for good', async () => {
    const gone = await harness.sibling()
    await gone.store.enlist('gone')
    await held(harness, 'run', 'gone')
    await harness.advance(10_000)
    await gone.store.close()
    await found(harness, 100)
    const back = await harness.sibling()
    await back.store.enlist('gone')
    const lease = { runId: 'run', owner: 'gone', claimId: 'run', epoch: 1 }
    expect(await back.store.renewLeases([lease], hour)).toEqual({ lost: [], busy: [], woken: [] })
    await harness.advance(120_000)
    await harness.ports.store.sweep(sweepAsk(100))
    await harness.advance(1_000)
    expect((await harness.ports.store.sweep(sweepAsk(100))).items).toEqual([])
    await back.store.close()
    await found(harness, 100)
  })
})

describe('on a server of its own', () => {
  let server: RedisServer
  let harness: RedisHarness
  let redis: Redis
  beforeEach(async () => {
    server = await startFreshRedis()
    redis = new Redis(server.url)
    harness = await openRedis({ server: server.url, buckets: 1 })
  })
  afterEach(async () => {
    await harness.dispose()
    redis.disconnect()
    await server.dispose()
  })

  test('nobody counts as dead before the server has been up for the grace', async () => {
    const gone = await harness.sibling()
    await gone.store.enlist('gone')
    await held(harness, 'run', 'gone')
    await gone.store.close()
    await until(async () => (await subscribersOf(harness.nodes, `${harness.prefix}:alive:gone`)) === 0)
    const swept = await harness.ports.store.sweep(sweepAsk(50_000))
    expect(swept.items).toEqual([])
    expect(swept.nextDueInMs).toBeLessThanOrEqual(50_000)
    // Noted as missing for long enough, but by a server that may have cut it off itself.
    await redis.hset(`${harness.prefix}:{0}:owners`, 'gone', Date.now() - 60_000)
    expect((await harness.ports.store.sweep(sweepAsk(50_000))).items).toEqual([])
    await harness.advance(60_000)
    expect((await harness.ports.store.sweep(sweepAsk(50_000))).items.length).toBe(1)
  })

  test('one whose connection breaks and is back within the grace keeps its leases', async () => {
    await harness.ports.store.enlist('blinking')
    await held(harness, 'run', 'blinking')
    await harness.advance(10_000)
    for (let i = 0; i < 3; i += 1) {
      await redis.call('client', 'kill', 'type', 'pubsub')
      expect((await harness.ports.store.sweep(sweepAsk(5_000))).items).toEqual([])
      await until(async () => (await subscribersOf(harness.nodes, `${harness.prefix}:alive:blinking`)) === 1)
      expect((await harness.ports.store.sweep(sweepAsk(5_000))).items).toEqual([])
      expect(await owners(harness)).toEqual({ blinking: '' })
      await harness.advance(10_000)
    }
  })
})
