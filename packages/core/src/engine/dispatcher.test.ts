import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { RunItem, RunNotices, StepItem, WorkflowEvent, WorkItem } from '../contract/index.ts'
import { memoryPorts } from '../memory/index.ts'
import { TestClock } from '../testing/index.ts'
import { Dispatcher } from './dispatcher.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { systemClock } from './system-clock.ts'

const run = (runId: string, held = false): RunItem => ({ kind: 'run', runId, workflow: 'w', ...(held ? { held } : {}) })
const step = (runId: string): StepItem => {
  return { kind: 'step', runId, step: { name: 's', ordinal: 0 }, rpcName: 'work', attempt: 1, dispatch: 0 }
}

function dispatching(ring?: (items: readonly WorkItem[]) => Promise<void>): {
  dispatcher: Dispatcher
  keeper: LeaseKeeper
  rung: WorkItem[]
  told: string[]
  events: WorkflowEvent[]
} {
  const [rung, told, events]: [WorkItem[], string[], WorkflowEvent[]] = [[], [], []]
  const { store } = memoryPorts()
  const report = (event: WorkflowEvent): void => void events.push(event)
  const keeper = new LeaseKeeper({ store, clock: new TestClock(), leaseMs: 1_000, report })
  const notices: RunNotices = {
    live: true,
    publish: (runIds) => Promise.resolve(void told.push(...runIds)),
    subscribe: () => Promise.reject(new Error('not in this test')),
  }
  const doorbell = { ring: ring ?? ((items: readonly WorkItem[]) => Promise.resolve(void rung.push(...items))) }
  return {
    dispatcher: new Dispatcher({ doorbell, notices, keeper, report, clock: systemClock }),
    keeper,
    rung,
    told,
    events,
  }
}

test('a held run goes to its holder here; others are taken by this process, else by the queue', async () => {
  const { dispatcher, keeper, rung } = dispatching()
  const taken: string[] = []
  let woken = 0
  keeper.hold({ runId: 'held here', owner: 'me', claimId: 'c', epoch: 1 }, () => (woken += 1))
  dispatcher.takeHere = ({ runId }) => runId === 'for us' && taken.push(runId) > 0
  await dispatcher.dispatch([run('held here', true), run('for us'), run('for others'), step('for others')])
  assert.deepEqual([woken, taken], [1, ['for us']])
  assert.deepEqual(
    rung.map(({ kind, runId }) => `${kind} ${runId}`),
    ['run for others', 'step for others'],
  )
})

test('a run woken after it was left is taken again, also while its holder here does not know yet that it left', async () => {
  const { dispatcher, keeper } = dispatching()
  const taken: string[] = []
  keeper.hold({ runId: 'a', owner: 'me', claimId: 'c', epoch: 1 }, () => assert.fail('it would not look again'))
  dispatcher.takeHere = ({ runId }) => taken.push(runId) > 0
  await dispatcher.dispatch([run('a')])
  assert.deepEqual(taken, ['a'])
})

test('a run held by another process is told by a notice, never by the queue', async () => {
  const { dispatcher, rung, told } = dispatching()
  dispatcher.takeHere = () => assert.fail('it is held')
  await dispatcher.dispatch([run('a', true), run('b', true)])
  assert.deepEqual([rung, told], [[], ['a', 'b']])
})

test('F9: a queue that cannot be rung is reported and nothing else: the sweep rings again', async () => {
  const { dispatcher, events } = dispatching(() => Promise.reject(new Error('queue down')))
  await dispatcher.dispatch([run('a')])
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['trouble'],
  )
})

test('what sweeps find while the queue has not answered for the last is rung together when it has, and not forgotten', async () => {
  const rings: { items: string[]; answer: () => void }[] = []
  const { dispatcher } = dispatching(
    (items) => new Promise((resolve) => rings.push({ items: items.map(({ runId }) => runId), answer: resolve })),
  )
  dispatcher.dispatchSwept([step('a')])
  dispatcher.dispatchSwept([step('b')])
  dispatcher.dispatchSwept([run('c'), step('d')])
  assert.deepEqual(
    rings.map(({ items }) => items),
    [['a']],
  )
  rings[0]!.answer()
  await new Promise(setImmediate)
  assert.deepEqual(rings[1]?.items, ['b', 'c', 'd'])
  rings[1].answer()
  await dispatcher.close()
  assert.equal(rings.length, 2)
})

test('a queue that does not answer is owed no more than a thousand items, and none once it is closed', async () => {
  const rings: { items: number; answer: () => void }[] = []
  const { dispatcher } = dispatching(
    (items) => new Promise((resolve) => rings.push({ items: items.length, answer: resolve })),
  )
  const many = Array.from({ length: 600 }, (_, i) => step(`run ${i}`))
  for (let i = 0; i < 3; i += 1) dispatcher.dispatchSwept(many)
  rings[0]!.answer()
  await new Promise(setImmediate)
  assert.deepEqual(
    rings.map(({ items }) => items),
    [600, 1_000],
  )
  dispatcher.dispatchSwept(many)
  await dispatcher.close()
  rings[1]!.answer()
  await new Promise(setImmediate)
  assert.equal(rings.length, 2)
})

test('progress is told together and each run once', async () => {
  const { dispatcher, told } = dispatching()
  for (const runId of ['a', 'b', 'a', 'a']) dispatcher.progressed(runId)
  assert.deepEqual(told, [])
  const deadline = Date.now() + 5_000
  while (told.length === 0 && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5))
  assert.deepEqual(told, ['a', 'b'])
})
