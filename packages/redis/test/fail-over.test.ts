import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LeaseLostError } from '@pikku/core/contract'
import type { Lease, NewRun, RunClaim, RunId, StepPlan, StorePorts, Sweep, Swept, Turn } from '@pikku/core/contract'
import { startRedisCluster } from '@pikku/tooling/redis-cluster'
import type { RedisCluster } from '@pikku/tooling/redis-cluster'
import { bucketAt, bucketsOf } from '../src/buckets.ts'
import { openRedis, until } from './redis-harness.ts'
import type { RedisHarness } from './redis-harness.ts'
import { cutReplica, untilReplicated } from './support/cut-replica.ts'

const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }

/**
 * The master of the first third of the buckets dies after it has answered what its replica never gets: the replica goes on
 * from before. What is known to processes and to other masters is from after it.
 */
describe('a master dies with what its replica does not have', { timeout: 60_000 }, () => {
  let cluster: RedisCluster
  let harness: RedisHarness
  let ports: StorePorts
  const used = new Set<RunId>()

  /** A run id whose bucket is on the master that dies, or on one that lives. */
  function runOn(which: 'dying' | 'living', parent = ''): RunId {
    const buckets = bucketsOf(harness.prefix, 64)
    for (let i = 0; ; i += 1) {
      const runId = `${parent}${which}-${i}`
      const { index } = bucketAt(buckets, runId)
      if (used.has(runId) || index < 21 !== (which === 'dying') || index === 21) continue
      used.add(runId)
      return runId
    }
  }

  const newRun = (runId: RunId, parent?: NewRun['parent']): NewRun => {
    const run = { runId, workflow: 'order', input: '"in"', inputDigest: 'd', tags: [] }
    return parent ? { ...run, parent } : run
  }
  const turn = (over: Partial<Turn>): Turn => {
    return { number: 1, after: 0, codeHash: 'code-1', schedule: [], record: [], next: { kind: 'hold' }, ...over }
  }
  const inline = (name: string): Turn['record'][number] => {
    const outcome = { kind: 'succeeded', output: `"${name}"`, durationMs: 1 } as const
    return { id: { name, ordinal: 0 }, askedAfter: 0, attempt: 1, outcome }
  }
  const rpcStep: StepPlan = {
    kind: 'rpc',
    id: { name: 'rpc', ordinal: 0 },
    askedAfter: 0,
    rpcName: 'work',
    input: '',
    inputDigest: '',
    policy: { retries: 0, retryDelayMs: 0 },
  }
  const childStep = (parent: RunId, child: RunId): StepPlan => {
    const id = { name: 'child', ordinal: 0 }
    return { kind: 'child', id, askedAfter: 0, child: newRun(child, { runId: parent, step: id, onEnd: 'cancel' }) }
  }
  let claims = 0
  const tryClaim = (runId: RunId, after = 0): ReturnType<StorePorts['store']['claimRun']> => {
    claims += 1
    return ports.store.claimRun({ runId, owner: 'o', claimId: `c${claims}`, leaseMs: 5_000, known, after, limit })
  }
  async function claim(runId: RunId, after = 0): Promise<RunClaim> {
    const answer = await tryClaim(runId, after)
    if (!answer || 'ended' in answer) throw new Error(`${runId} cannot be claimed`)
    return answer
  }
  async function started(runId: RunId): Promise<Lease> {
    await ports.store.createRun(newRun(runId))
    return (await claim(runId)).lease
  }
  const commit = (lease: Lease, over: Partial<Turn>) => ports.store.commitRun(lease, turn(over))
  const sweepAsk: Sweep = { limit: 1_000, redispatchAfterMs: 5_000, graceMs: 60_000, known }
  const rings = ({ items }: Swept): RunId[] => items.map(({ runId }) => runId)

  /** Sweeps, while time passes, until it has rung this run. */
  async function rung(runId: RunId): Promise<void> {
    await until(async () => {
      await harness.advance(3_000)
      return rings(await ports.store.sweep(sweepAsk)).includes(runId)
    })
  }

  const past = {
    held: '',
    parked: '',
    fresh: '',
    created: '',
    startOf: '',
    endOf: '',
    teller: '',
    toldOf: '',
    told: '',
  }
  let held: Lease
  let teller: Lease
  let freshRevision = 0
  let downMs = 0
  const isForgotten = { start: false, end: false }

  beforeAll(async () => {
    cluster = await startRedisCluster()
    harness = await openRedis({ cluster })
    ports = harness.ports
    const [master, , , replica] = harness.nodes
    if (!master || !replica) throw new Error('there are no nodes')
    await prepare()
    await untilReplicated({ master, replica })
    await cutReplica({ replica })
    await loseThePast()
    // Its own connection says so.
    master.on('error', () => {})
    await cluster.masters[0]?.kill()
    const since = performance.now()
    await ports.store.createRun(newRun(runOn('dying')))
    downMs = Math.round(performance.now() - since)
    isForgotten.start = (await ports.reader.getRun(past.startOf)) === null
    isForgotten.end = (await childStatus(past.toldOf)) !== 'succeeded'
    console.info(`the first write at the new master was answered ${downMs} ms after the old one was killed`)
  }, 60_000)
  afterAll(async () => {
    await cluster?.masters[0]?.start()
    await harness?.dispose()
    await cluster?.dispose()
  }, 30_000)

  /** Known to the replica. */
  async function prepare(): Promise<void> {
    past.held = runOn('dying')
    held = await started(past.held)
    await commit(held, { record: [inline('before')] })
    past.parked = runOn('dying')
    const parked = await started(past.parked)
    await commit(parked, { record: [inline('before')], next: { kind: 'park', wakeSeq: 1 } })
    past.fresh = runOn('dying')
    await ports.store.createRun(newRun(past.fresh))
    past.toldOf = runOn('dying')
    past.told = runOn('living', `${past.toldOf}/`)
    const waiting = await started(past.toldOf)
    await commit(waiting, { schedule: [childStep(past.toldOf, past.told)], next: { kind: 'park', wakeSeq: 1 } })
    past.teller = runOn('dying')
    teller = await started(past.teller)
  }

  /** Answered by the master that dies, and never known to its replica. */
  async function loseThePast(): Promise<void> {
    await commit(held, { number: 2, after: 1, record: [inline('lost')] })
    const { lease } = await claim(past.parked, 1)
    await commit(lease, { after: 1, record: [inline('lost')], next: { kind: 'park', wakeSeq: 1 } })
    const fresh = await claim(past.fresh)
    freshRevision = fresh.history.revision
    await commit(fresh.lease, { after: freshRevision, schedule: [rpcStep], next: { kind: 'park', wakeSeq: 1 } })
    past.created = runOn('dying')
    await ports.store.createRun(newRun(past.created))

    const parent = runOn('living')
    past.startOf = runOn('dying', `${parent}/`)
    await commit(await started(parent), { schedule: [childStep(parent, past.startOf)] })
    expect(await ports.reader.getRun(past.startOf)).not.toBeNull()

    await complete(past.told)
    expect(await childStatus(past.toldOf)).toBe('succeeded')

    past.endOf = runOn('living', `${past.teller}/`)
    await commit(teller, { schedule: [childStep(past.teller, past.endOf)] })
    await complete(past.endOf)
    expect(await childStatus(past.teller)).toBe('succeeded')
  }

  async function complete(runId: RunId): Promise<void> {
    await commit((await claim(runId)).lease, { next: { kind: 'complete', output: '"out"' } })
  }
  async function childStatus(runId: RunId): Promise<string | undefined> {
    const steps = await ports.reader.listSteps(runId)
    return steps.find(({ kind }) => kind === 'child')?.status
  }
  const namesOf = ({ history }: RunClaim): string[] => history.steps.map(({ id }) => id.name)

  test('its buckets are served again', () => {
    expect(downMs).toBeLessThan(10_000)
  })

  test('a run that was created then is gone, and can be created anew', async () => {
    expect(await ports.reader.getRun(past.created)).toBeNull()
    expect((await ports.store.createRun(newRun(past.created))).created).toBe(true)
  })

  test('who holds a run whose last turn is lost writes no more: the run goes on from what is known', async () => {
    const next = commit(held, { number: 3, after: 2, record: [inline('next')] })
    await expect(next).rejects.toThrow(LeaseLostError)
    await rung(past.held)
    const claimed = await claim(past.held)
    expect(claimed.history.run.crashes).toBe(0)
    expect(namesOf(claimed)).toEqual(['before'])
  })

  test('who remembers a run as it was then is told nothing more, until it asks from the start', async () => {
    const other = await claim(past.parked)
    expect(namesOf(other)).toEqual(['before'])
    const { wakeSeq } = other.history
    await commit(other.lease, {
      after: 1,
      record: [inline('other'), inline('one more')],
      next: { kind: 'park', wakeSeq },
    })
    expect(await tryClaim(past.parked, 2)).toBeNull()
    await rung(past.parked)
    expect(namesOf(await claim(past.parked))).toEqual(['before', 'other', 'one more'])
  })

  test('nor is who had seen nothing of it but its creation, and has asked for a step since', async () => {
    expect(await tryClaim(past.fresh, freshRevision)).toBeNull()
    await rung(past.fresh)
    expect(namesOf(await claim(past.fresh))).toEqual([])
  })

  test('a child whose start was delivered then is started once more', async () => {
    expect(isForgotten.start).toBe(true)
    await harness.advance(11_000)
    await ports.store.sweep(sweepAsk)
    expect(await ports.reader.getRun(past.startOf)).toMatchObject({ status: 'running', input: '"in"' })
    await rung(past.startOf)
  })

  test('a parent that was told then of the end of its child is told once more', async () => {
    expect(isForgotten.end).toBe(true)
    await harness.advance(11_000)
    await ports.store.sweep(sweepAsk)
    expect(await childStatus(past.toldOf)).toBe('succeeded')
    await rung(past.toldOf)
  })

  test('a parent that does not know its child any more asks for it anew, and is told how it ended', async () => {
    expect(await childStatus(past.teller)).toBeUndefined()
    await expect(commit(teller, { number: 2, after: 1, next: { kind: 'park', wakeSeq: 2 } })).rejects.toThrow(
      LeaseLostError,
    )
    await rung(past.teller)
    const { lease } = await claim(past.teller)
    await commit(lease, { schedule: [childStep(past.teller, past.endOf)] })
    await harness.advance(2_000)
    await ports.store.sweep(sweepAsk)
    expect(await childStatus(past.teller)).toBe('succeeded')
  })

  test('what was delivered once more is delivered no more', async () => {
    await harness.advance(60_000)
    await ports.store.sweep(sweepAsk)
    await ports.store.sweep(sweepAsk)
    const keys = await Promise.all(harness.nodes.slice(1).map((node) => node.keys(`${harness.prefix}:*`)))
    expect(keys.flat().filter((key) => /:(entry|kept|outbox|orphans|told)\b/.test(key))).toEqual([])
  })
})
