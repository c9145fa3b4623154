import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Lease, Renewed, WorkflowEvent, WorkflowStore } from '../contract/index.ts'
import { StoreUnavailableError, WorkflowError } from '../contract/index.ts'
import { memoryPorts } from '../memory/index.ts'
import { TestClock } from '../testing/index.ts'
import { LeaseKeeper } from './lease-keeper.ts'

const leaseMs = 3_000

const lease = (runId: string, epoch = 1, step?: string): Lease => ({
  runId,
  owner: 'me',
  claimId: `${runId} ${epoch}`,
  epoch,
  ...(step === undefined ? {} : { step: { name: step, ordinal: 0 } }),
})

/** A keeper over a store whose answers to renewals are the test's. */
function keeping(answer: (leases: readonly Lease[]) => Partial<Renewed> | Error = () => ({})): {
  keeper: LeaseKeeper
  clock: TestClock
  asked: string[][]
  events: WorkflowEvent[]
} {
  const clock = new TestClock()
  const asked: string[][] = []
  const events: WorkflowEvent[] = []
  const renewLeases: WorkflowStore['renewLeases'] = (leases) => {
    asked.push(leases.map(({ runId, step }) => (step ? `${runId}/${step.name}` : runId)))
    const given = answer(leases)
    if (given instanceof Error) return Promise.reject(given)
    return Promise.resolve({ lost: [], busy: [], woken: [], ...given })
  }
  const store = Object.assign(Object.create(memoryPorts().store) as WorkflowStore, { renewLeases })
  const keeper = new LeaseKeeper({ store, clock, leaseMs, report: (event) => events.push(event) })
  return { keeper, clock, asked, events }
}

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('every lease held is renewed in one call, three times in its life, for as long as it is held', async () => {
  const { keeper, clock, asked } = keeping()
  const a = keeper.hold(lease('a'))
  keeper.hold(lease('b', 1, 'step'))
  await clock.advance(leaseMs)
  assert.deepEqual(asked, [
    ['a', 'b/step'],
    ['a', 'b/step'],
    ['a', 'b/step'],
  ])
  keeper.drop(a)
  await clock.advance(leaseMs / 3)
  assert.deepEqual(asked.at(-1), ['b/step'])
  keeper.stop()
  const before = asked.length
  await clock.advance(leaseMs)
  assert.equal(asked.length, before)
})

test('nothing held, nothing asked; and it starts again with the next', async () => {
  const { keeper, clock, asked } = keeping()
  keeper.drop(keeper.hold(lease('a')))
  await clock.advance(leaseMs)
  assert.deepEqual(asked, [])
  keeper.hold(lease('b'))
  await clock.advance(leaseMs / 3)
  assert.deepEqual(asked, [['b']])
})

test('a lost lease aborts its work with the reason, and no other', async () => {
  const { keeper, clock, events } = keeping(() => ({ lost: [lease('a'), lease('b', 1, 'one')] }))
  const a = keeper.hold(lease('a'))
  const newer = keeper.hold(lease('a', 2))
  const one = keeper.hold(lease('b', 1, 'one'))
  const two = keeper.hold(lease('b', 1, 'two'))
  await clock.advance(leaseMs / 3)
  assert.deepEqual(
    [a, newer, one, two].map(({ signal }) => signal.aborted),
    [true, false, true, false],
  )
  assert.ok(WorkflowError.is(a.signal.reason, 'LEASE_LOST'))
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['lease-lost', 'lease-lost'],
  )
})

test('a store that cannot be asked, or a row that is locked, is no loss', async () => {
  for (const answer of [new StoreUnavailableError('away'), { busy: [lease('a')] }]) {
    const { keeper, clock, asked } = keeping(() => answer)
    const a = keeper.hold(lease('a'))
    await clock.advance(leaseMs)
    assert.equal(a.signal.aborted, false)
    assert.ok(asked.length >= 2, 'it is asked again')
  }
})

test('a wake reaches the holder of the run: told here, or by the renewal', async () => {
  const { keeper, clock } = keeping(() => ({ woken: ['a'] }))
  let woken = 0
  keeper.hold(lease('a'), () => (woken += 1))
  keeper.hold(lease('b', 1, 'step'))
  assert.equal(keeper.wake('a'), true)
  assert.equal(keeper.wake('b'), false, 'a step’s lease is not its run’s')
  assert.equal(keeper.wake('unknown'), false)
  assert.equal(woken, 1)
  await clock.advance(leaseMs / 3)
  assert.equal(woken, 2)
})

test('what was heard of runs is looked into at once and together', async () => {
  const { keeper, asked } = keeping()
  keeper.hold(lease('a'))
  keeper.hold(lease('b'))
  keeper.hold(lease('c'))
  keeper.check('a')
  keeper.check('b')
  keeper.check('unknown')
  await turnOfTheLoop()
  assert.deepEqual(asked, [['a', 'b']])
  keeper.checkAll()
  await turnOfTheLoop()
  assert.deepEqual(asked[1], ['a', 'b', 'c'])
})

test('what was heard of a run while it was being claimed is looked into once it is held', async () => {
  const { keeper, asked } = keeping(() => ({ woken: ['a'] }))
  let woken = 0
  for (const runId of ['a', 'b']) keeper.expect(runId)
  keeper.check('a')
  keeper.hold(lease('a', 1, 'step'))
  keeper.hold(lease('b'))
  await turnOfTheLoop()
  assert.deepEqual(asked, [])
  keeper.hold(lease('a'), () => (woken += 1))
  await turnOfTheLoop()
  assert.deepEqual([asked.length, woken], [1, 1])
  keeper.unexpect('a')
  keeper.expect('a')
  keeper.hold(lease('a', 2))
  await turnOfTheLoop()
  assert.equal(asked.length, 1, 'what was heard before is over')
  keeper.expect('c')
  keeper.checkAll()
  await turnOfTheLoop()
  keeper.hold(lease('c'))
  await turnOfTheLoop()
  assert.deepEqual(asked.at(-1), ['c'])
})

test('of a run that is being left its commit says whether it was lost', async () => {
  const { keeper, clock, events } = keeping(() => ({ lost: [lease('a')] }))
  const held = keeper.hold(lease('a'))
  held.leaving = true
  await clock.advance(leaseMs / 3)
  assert.deepEqual([held.signal.aborted, events.length], [false, 0])
  held.leaving = false
  await clock.advance(leaseMs / 3)
  assert.equal(held.signal.aborted, true)
})
