import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { StepItem, Sweep, Swept, WorkflowEvent, WorkflowStore, WorkItem } from '../contract/index.ts'
import { StoreUnavailableError } from '../contract/index.ts'
import { memoryPorts } from '../memory/index.ts'
import { TestClock } from '../testing/index.ts'
import { Dispatcher } from './dispatcher.ts'
import { LeaseKeeper } from './lease-keeper.ts'
import { defaultSettings } from './settings.ts'
import { Sweeper } from './sweeper.ts'

const settings = { ...defaultSettings, sweepMs: 1_000 }

function sweeping(answer: (n: number) => Partial<Swept> | Error): {
  sweeper: Sweeper
  clock: TestClock
  dispatcher: Dispatcher
  sweptAt: number[]
  asks: Sweep[]
  rung: WorkItem[]
  events: WorkflowEvent[]
} {
  const clock = new TestClock()
  const [sweptAt, asks, rung, events]: [number[], Sweep[], WorkItem[], WorkflowEvent[]] = [[], [], [], []]
  const started = clock.now()
  const { store: memory, notices } = memoryPorts()
  const sweep: WorkflowStore['sweep'] = (ask) => {
    asks.push(ask)
    sweptAt.push(clock.now() - started)
    const given = answer(asks.length)
    if (given instanceof Error) return Promise.reject(given)
    return Promise.resolve({ items: [], full: false, nextDueInMs: null, ...given })
  }
  const store = Object.assign(Object.create(memory) as WorkflowStore, { sweep })
  const report = (event: WorkflowEvent): void => void events.push(event)
  const keeper = new LeaseKeeper({ store, clock, leaseMs: 1_000, report })
  const doorbell = { ring: (items: readonly WorkItem[]) => Promise.resolve(void rung.push(...items)) }
  const dispatcher = new Dispatcher({ doorbell, notices, keeper, report, clock })
  const known = (): Sweep['known'] => [{ name: 'order', codeHash: 'code' }]
  const sweeper = new Sweeper({ store, clock, dispatcher, known, settings, report })
  return { sweeper, clock, dispatcher, sweptAt, asks, rung, events }
}

const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

async function start(sweeper: Sweeper): Promise<void> {
  sweeper.start()
  await turnOfTheLoop()
}

test('sweeps at once and then about once in its interval, never later', async () => {
  const { sweeper, clock, sweptAt, asks } = sweeping(() => ({}))
  await start(sweeper)
  await clock.advance(3_500)
  const gaps = sweptAt.slice(1).map((at, i) => at - sweptAt[i]!)
  assert.equal(sweptAt[0], 0)
  assert.ok(gaps.length >= 3 && gaps.every((gap) => gap >= 900 && gap <= 1_000), gaps.join(' '))
  assert.deepEqual(asks[0]?.known, [{ name: 'order', codeHash: 'code' }])
  await sweeper.stop()
})

test('A17, A31: sweeps when the next timer is due, and at once after a full answer', async () => {
  const { sweeper, clock, sweptAt } = sweeping((n) => (n === 1 ? { nextDueInMs: 120 } : n === 2 ? { full: true } : {}))
  await start(sweeper)
  await clock.advance(125)
  assert.deepEqual(sweptAt.slice(0, 3), [0, 120, 120])
  await sweeper.stop()
})

test('timers a few milliseconds apart are met by one sweep', async () => {
  const { sweeper, clock, sweptAt } = sweeping(() => ({ nextDueInMs: 0 }))
  await start(sweeper)
  await clock.advance(50)
  assert.ok(sweptAt.length <= 12, `${sweptAt.length} sweeps in 50 ms`)
  await sweeper.stop()
})

test('A17: a timer set here is expected, an earlier one brings the sweep forward, a later one changes nothing', async () => {
  const { sweeper, clock, sweptAt } = sweeping(() => ({}))
  await start(sweeper)
  sweeper.expectIn(50_000)
  sweeper.expectIn(200)
  sweeper.expectIn(80)
  await turnOfTheLoop()
  await clock.advance(100)
  assert.deepEqual(sweptAt, [0, 80])
  await sweeper.stop()
})

test('a store that cannot be asked is asked again with the next interval', async () => {
  const { sweeper, clock, sweptAt, events } = sweeping((n) => (n === 1 ? new StoreUnavailableError('away') : {}))
  await start(sweeper)
  await clock.advance(1_000)
  assert.equal(sweptAt.length, 2)
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['trouble'],
  )
  await sweeper.stop()
})

test('A24: a step is taken where it was found if there is room, else rung', async () => {
  const step = (name: string): StepItem => {
    return { kind: 'step', runId: 'run', step: { name, ordinal: 0 }, rpcName: 'work', attempt: 1, dispatch: 0 }
  }
  const { sweeper, dispatcher, rung } = sweeping((n) => (n === 1 ? { items: [step('a'), step('b')] } : {}))
  const taken: string[] = []
  dispatcher.takeStepHere = (item) => taken.length === 0 && taken.push(item.step.name) > 0
  await start(sweeper)
  await turnOfTheLoop()
  assert.deepEqual(taken, ['a'])
  assert.deepEqual(
    rung.map((item) => item.kind === 'step' && item.step.name),
    ['b'],
  )
  await sweeper.stop()
})

test('stopping waits for the sweep under way and makes no other', async () => {
  const { sweeper, clock, sweptAt } = sweeping(() => ({}))
  await start(sweeper)
  await sweeper.stop()
  await clock.advance(5_000)
  assert.deepEqual(sweptAt, [0])
})

test('a clock that is set back stops no sweep', async () => {
  const { sweeper, clock, asks } = sweeping(() => ({}))
  await start(sweeper)
  const now = clock.now.bind(clock)
  clock.now = () => now() - 60 * 60_000
  await clock.advance(1_000)
  assert.equal(asks.length, 2)
  await sweeper.stop()
})
