import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ClaimRun, RunClaim, RunId, StepPlan, StepItem, Sweep, Turn, WorkItem } from '@pikku/core/contract'
import { openRedis } from './redis-harness.ts'
import type { RedisHarness } from './redis-harness.ts'

const hour = 3_600_000
const known = [{ name: 'order', codeHash: 'code-1' }]
const newCode = [{ name: 'order', codeHash: 'code-2' }]
const limit = { max: 3, reason: 'too many' }

let harness: RedisHarness
beforeEach(async () => {
  harness = await openRedis({ buckets: 1 })
})
afterEach(() => harness.dispose())

const sweepAsk = (over: Partial<Sweep> = {}): Sweep => {
  return { limit: 1_000, redispatchAfterMs: 10_000, graceMs: 1_000, known, ...over }
}

async function sweep(over: Partial<Sweep> = {}): Promise<readonly WorkItem[]> {
  return (await harness.ports.store.sweep(sweepAsk(over))).items
}

async function create(runId: RunId, workflow = 'order'): Promise<void> {
  await harness.ports.store.createRun({ runId, workflow, input: '1', inputDigest: '', tags: [] })
}

async function claim(runId: RunId, over: Partial<ClaimRun> = {}): Promise<RunClaim> {
  const ask = { runId, owner: 'worker', claimId: crypto.randomUUID(), leaseMs: hour, known, after: 0, limit }
  const answer = await harness.ports.store.claimRun({ ...ask, ...over })
  if (!answer || 'ended' in answer) throw new Error(`${runId} was not claimed`)
  return answer
}

async function commit({ lease, history }: RunClaim, over: Partial<Turn>): Promise<void> {
  const turn = { number: 1, after: history.revision, codeHash: 'code-1', schedule: [], record: [] }
  await harness.ports.store.commitRun(lease, { ...turn, next: { kind: 'park', wakeSeq: history.wakeSeq }, ...over })
}

function rpcs(count: number): StepPlan[] {
  return Array.from({ length: count }, (_, i) => {
    const asked = { kind: 'rpc', id: { name: `s${i}`, ordinal: 0 }, askedAfter: 0, rpcName: 'work' } as const
    return { ...asked, input: '"x"', inputDigest: '', policy: { retries: 3, retryDelayMs: 0 } }
  })
}

async function startWith(runId: RunId, steps: number): Promise<void> {
  await create(runId)
  await commit(await claim(runId), { schedule: rpcs(steps) })
}

function stepsOf(items: readonly WorkItem[]): readonly StepItem[] {
  return items.filter((item) => item.kind === 'step')
}

/** What lies in the indexes of steps, and on shelves. */
async function indexed(): Promise<Record<string, number>> {
  const { nodes, prefix } = harness
  const counts: Record<string, number> = {}
  for (const key of (await nodes[0]?.keys(`${prefix}:*`)) ?? []) {
    const name = key.slice(`${prefix}:{0}:`.length)
    if (/^(rung|due|leases):steps$|^shelf:/.test(name)) counts[name] = (await nodes[0]?.zcard(key)) ?? 0
  }
  return counts
}

test('A31: a limit holds over all buckets together, and what it left is found by the next sweeps', async () => {
  const several = await openRedis({ buckets: 7 })
  try {
    const { store } = several.ports
    const ids = Array.from({ length: 100 }, (_, i) => `run-${i}`)
    for (const runId of ids) await store.createRun({ runId, workflow: 'order', input: '1', inputDigest: '', tags: [] })
    await several.advance(15_000)
    const found: string[] = []
    for (const [expected, isFull] of [
      [30, true],
      [30, true],
      [30, true],
      [10, false],
      [0, false],
    ] as const) {
      const { items, full } = await store.sweep(sweepAsk({ limit: 30 }))
      expect([items.length, full]).toEqual([expected, isFull])
      found.push(...items.map(({ runId }) => runId))
    }
    expect(found.sort()).toEqual(ids.sort())
  } finally {
    await several.dispose()
  }
})

test('steps of a run the engine suspended lie out of the way of others, and come back when it goes on', async () => {
  await startWith('halted', 60)
  await commit(await claim('halted'), { next: { kind: 'suspend', wakeSeq: 0, reason: 'diverged', codeHash: 'code-1' } })
  await startWith('healthy', 3)
  await harness.advance(15_000)
  expect(stepsOf(await sweep()).map(({ runId }) => runId)).toEqual(['healthy', 'healthy', 'healthy'])
  expect(await indexed()).toEqual({ 'due:steps': 3, 'shelf:halted': 60 })
  await commit(await claim('halted', { known: newCode }), {})
  const back = stepsOf(await sweep()).filter(({ runId }) => runId === 'halted')
  expect(new Set(back.map(({ step }) => step.name)).size).toBe(60)
  expect(await indexed()).toEqual({ 'due:steps': 63 })
})

test('a resumed run gets its steps back from the shelf, and one that is suspended again keeps them there', async () => {
  await startWith('halted', 5)
  const suspend = { kind: 'suspend', wakeSeq: 0, reason: 'diverged', codeHash: 'code-1' } as const
  await commit(await claim('halted'), { next: suspend })
  await harness.advance(15_000)
  expect(await sweep()).toEqual([])
  await harness.ports.store.signalRun({ kind: 'resume', runId: 'halted' })
  await commit(await claim('halted'), { next: suspend })
  await harness.advance(15_000)
  expect(await sweep()).toEqual([])
  expect(await indexed()).toEqual({ 'shelf:halted': 5 })
  await harness.ports.store.signalRun({ kind: 'resume', runId: 'halted' })
  expect(stepsOf(await sweep()).length).toBe(5)
})

test('runs blocked for some code never stand in the way of those who have it', async () => {
  for (let i = 0; i < 60; i += 1) {
    await create(`blocked-${i}`)
    const suspend = { kind: 'suspend', wakeSeq: 0, reason: 'diverged', codeHash: 'code-1' } as const
    await commit(await claim(`blocked-${i}`), { next: suspend })
  }
  await create('free')
  await harness.advance(15_000)
  expect(await harness.ports.store.sweep(sweepAsk({ limit: 1 }))).toMatchObject({
    items: [{ kind: 'run', runId: 'free' }],
    full: false,
  })
  expect((await sweep({ known: newCode })).length).toBe(60)
})

test('what an ended run leaves in the indexes goes when the sweep meets it, and is not handed out', async () => {
  await startWith('ended', 120)
  const [rung, held] = [
    { name: 's0', ordinal: 0 },
    { name: 's1', ordinal: 0 },
  ]
  const ask = { runId: 'ended', owner: 'worker', leaseMs: 5_000, known: ['work'], limit }
  for (const step of [rung, held]) await harness.ports.store.claimStep({ ...ask, step, claimId: step.name })
  await harness.ports.store.cancelRun('ended', 'enough')
  expect(await indexed()).toEqual({ 'rung:steps': 118, 'leases:steps': 2 })
  await harness.advance(15_000)
  expect(await harness.ports.store.sweep(sweepAsk())).toEqual({ items: [], full: false, nextDueInMs: null })
  expect(await indexed()).toEqual({})
  expect(await harness.nodes[0]?.exists(`${harness.prefix}:{0}:held:worker`)).toBe(0)
})

test('what a deleted run leaves in the indexes says nothing about the run that has its id now', async () => {
  await startWith('again', 2)
  await harness.ports.store.cancelRun('again', 'enough')
  expect(await harness.ports.admin.deleteRuns({ finishedBefore: Date.now() + hour, limit: 10 })).toBe(1)
  await harness.advance(8_000)
  await create('again')
  const { lease } = await claim('again')
  // Its first step is held: what the old one left says that it is rung.
  await commit({ lease, history: (await claim('again', { claimId: lease.claimId })).history }, { schedule: rpcs(1) })
  const step = { name: 's0', ordinal: 0 }
  const ask = { runId: 'again', step, owner: 'worker', claimId: 'c', leaseMs: hour, known: ['work'], limit }
  expect(await harness.ports.store.claimStep(ask)).not.toBeNull()
  await harness.advance(8_000)
  expect(await sweep()).toEqual([])
  expect(await indexed()).toEqual({ 'leases:steps': 1 })
})

test('a sweep with a workflow twice, with none, and with a hundred of them', async () => {
  await create('run')
  await harness.advance(15_000)
  expect(await sweep({ known: [] })).toEqual([])
  const many = Array.from({ length: 100 }, (_, i) => ({ name: `workflow-${i}`, codeHash: 'x' }))
  expect(await sweep({ known: many })).toEqual([])
  expect((await sweep({ known: [...known, ...many, ...known] })).length).toBe(1)
})
