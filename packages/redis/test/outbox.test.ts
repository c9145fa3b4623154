import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Lease, NewRun, RunClaim, RunId, StepPlan, StorePorts, Turn, WorkItem } from '@pikku/core/contract'
import { deliverNothing, openLinked } from './link-harness.ts'
import type { LinkedHarness } from './link-harness.ts'

const known = [{ name: 'order', codeHash: 'code-1' }]
const limit = { max: 3, reason: 'too many' }
const sweepAsk = { limit: 1_000, redispatchAfterMs: 60_000, graceMs: 1_000, known }

let harness: LinkedHarness
let ports: StorePorts

beforeEach(async () => {
  harness = await openLinked()
  ports = harness.ports
})
afterEach(() => harness.dispose())

function newRun(runId: RunId, parent?: NewRun['parent']): NewRun {
  const run = { runId, workflow: 'order', input: '"in"', inputDigest: 'd', tags: [] }
  return parent ? { ...run, parent } : run
}

function childPlan(parent: RunId, name: string): StepPlan {
  const id = { name, ordinal: 0 }
  return {
    kind: 'child',
    id,
    askedAfter: 0,
    child: newRun(`${parent}/${name}`, { runId: parent, step: id, onEnd: 'cancel' }),
  }
}

function turn(over: Partial<Turn>): Turn {
  return { number: 1, after: 0, codeHash: 'code-1', schedule: [], record: [], next: { kind: 'hold' }, ...over }
}

let claims = 0
async function claim({ store }: StorePorts, runId: RunId): Promise<Lease> {
  return (await tryClaim(store, runId)).lease
}

async function tryClaim(store: StorePorts['store'], runId: RunId): Promise<RunClaim> {
  claims += 1
  const answer = await store.claimRun({
    runId,
    owner: 'o',
    claimId: `c${claims}`,
    leaseMs: 60_000,
    known,
    after: 0,
    limit,
  })
  if (!answer || 'ended' in answer) throw new Error(`${runId} cannot be claimed`)
  return answer
}

async function isToldOfItsParent(runId: RunId): Promise<boolean> {
  claims += 1
  const ask = { runId, owner: 'o', claimId: `c${claims}`, leaseMs: 60_000, known, after: 0, limit }
  const answer = await ports.store.claimRun(ask)
  return answer !== null && 'ended' in answer
}

/** What a sweep rings once the outbox is old enough. */
async function sweepLater(): Promise<readonly WorkItem[]> {
  await harness.advance(2_000)
  return (await ports.store.sweep(sweepAsk)).items
}

async function parentOf(names: readonly string[], through = ports): Promise<{ runId: RunId; lease: Lease }> {
  const runId = `run-${(claims += 1)}`
  await through.store.createRun(newRun(runId))
  const lease = await claim(through, runId)
  await through.store.commitRun(lease, turn({ schedule: names.map((name) => childPlan(runId, name)) }))
  return { runId, lease }
}

test('a child whose start was not delivered is started by a sweep', async () => {
  const { runId } = await parentOf(['a', 'b'], harness.through(deliverNothing))
  expect(await ports.reader.getRun(`${runId}/a`)).toBeNull()
  expect((await ports.store.sweep(sweepAsk)).nextDueInMs).toBeLessThanOrEqual(1_000)
  const children = [`${runId}/a`, `${runId}/b`]
  expect((await sweepLater()).map((item) => item.runId).sort()).toEqual(children)
  expect(await ports.reader.getRun(`${runId}/b`)).toMatchObject({ input: '"in"', parent: { runId, onEnd: 'cancel' } })
  expect(await sweepLater()).toEqual([])
})

test('the end of a child that was not delivered settles its step by a sweep, even when the child is deleted', async () => {
  const { runId, lease } = await parentOf(['a'])
  await ports.store.commitRun(lease, turn({ number: 2, next: { kind: 'park', wakeSeq: 1 } }))
  const cutOff = harness.through(deliverNothing)
  const done = await claim(cutOff, `${runId}/a`)
  expect(await cutOff.store.commitRun(done, turn({ next: { kind: 'complete', output: '"out"' } }))).toMatchObject({
    wake: [],
  })
  expect(await ports.admin.deleteRuns({ finishedBefore: Date.now() + 60_000, limit: 10 })).toBe(1)
  expect(await sweepLater()).toEqual([{ kind: 'run', runId, workflow: 'order' }])
  expect((await tryClaim(ports.store, runId)).history.steps).toMatchObject([{ status: 'succeeded', output: '"out"' }])
})

test('a child that is started after its parent has ended is told so', async () => {
  const { runId } = await parentOf(['a'], harness.through(deliverNothing))
  await ports.store.cancelRun(runId, 'over')
  const items = await sweepLater()
  expect(items.map((item) => item.runId)).toContain(`${runId}/a`)
  expect(await isToldOfItsParent(`${runId}/a`)).toBe(true)
})

test('the end of a parent that was not delivered reaches its children by a sweep', async () => {
  const { runId } = await parentOf(['a', 'b'])
  await harness.through(deliverNothing).store.cancelRun(runId, 'over')
  expect(await isToldOfItsParent(`${runId}/a`)).toBe(false)
  await sweepLater()
  expect(await isToldOfItsParent(`${runId}/b`)).toBe(true)
})

test('a parent with hundreds of children tells them all', async () => {
  const names = Array.from({ length: 250 }, (_, i) => `c${i}`)
  const { runId } = await parentOf(names)
  const { wake } = await ports.store.cancelRun(runId, 'over')
  expect(new Set(wake.map((item) => item.runId)).size).toBe(250)
  expect(await isToldOfItsParent(`${runId}/c249`)).toBe(true)
  expect(await sweepLater()).toEqual([])
})
