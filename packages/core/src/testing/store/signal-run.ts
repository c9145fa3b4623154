import assert from 'node:assert/strict'
import type { NewSignal, RunId } from '../../contract/index.ts'
import {
  claim,
  claimAsk,
  completed,
  freshId,
  hold,
  id,
  isHeld,
  isReleased,
  namesOf,
  newRun,
  park,
  parked,
  rpc,
  runIdsOf,
  runItems,
  suspend,
  sweepAsk,
  turn,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

type Signalled = NewSignal & { kind: 'signal' }

function signal(runId: RunId, name: string, over: Partial<Signalled> = {}): Signalled {
  return { kind: 'signal', runId, signalId: freshId('signal'), name, payload: '"yes"', ...over }
}

export const signalRunTests: StoreTestGroup = {
  name: 'signalRun',
  tests: {
    'a signal settles the oldest open suspend step of its name, and wakes the run': async ({ store, reader }) => {
      const { runId } = await parked(store, [suspend('other'), suspend('approve'), suspend('approve', 1)])
      const answer = await store.signalRun(signal(runId, 'approve', { payload: '"😀 é"' }))
      assert.deepEqual(answer, { accepted: true, wake: [{ kind: 'run', runId, workflow: 'order' }] })
      const steps = await reader.listSteps(runId)
      assert.deepEqual(
        steps.map(({ status, output }) => [status, output]),
        [
          ['scheduled', null],
          ['succeeded', '"😀 é"'],
          ['scheduled', null],
        ],
      )
      const { history } = await claim(store, runId)
      assert.deepEqual(history.signals, [])
    },
    'A18: a signal that comes before its step waits for it': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const early = signal(run.runId, 'approve', { payload: '"early"' })
      assert.equal((await store.signalRun(early)).accepted, true)
      const { lease, history } = await claim(store, run.runId)
      assert.deepEqual(
        history.signals.map(({ signalId, name, payload }) => [signalId, name, payload]),
        [[early.signalId, 'approve', '"early"']],
      )
      const held = await hold(store, lease, { after: history.revision, schedule: [suspend('approve')] })
      assert.deepEqual(
        held.steps.map(({ status, output }) => [status, output]),
        [['succeeded', '"early"']],
      )
      assert.ok(held.steps[0]?.settledSeq)
      const next = await hold(store, lease, { number: 2, after: 0, schedule: [suspend('approve', 1)] })
      assert.deepEqual(next.signals, [], 'a consumed signal is not handed over again')
      assert.deepEqual(
        (await reader.listSteps(run.runId)).map(({ status }) => status),
        ['succeeded', 'scheduled'],
      )
    },
    'A18: a run does not park on a step that a waiting signal settled in the same write': async ({ store }) => {
      const { run } = await store.createRun(newRun())
      await store.signalRun(signal(run.runId, 'approve'))
      const { lease, history } = await claim(store, run.runId)
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: null } as const
      const ask = turn({ after: history.revision, schedule: [suspend('approve')], next })
      const held = isHeld(await store.commitRun(lease, ask))
      assert.deepEqual(
        held.steps.map(({ status }) => status),
        ['succeeded'],
      )
    },
    'A18: a signal that arrives during a turn refuses the park, and is handed over': async ({ store }) => {
      const { run } = await store.createRun(newRun())
      const { lease, history } = await claim(store, run.runId)
      const { wake } = await store.signalRun(signal(run.runId, 'approve'))
      assert.equal(runItems(wake)[0]?.held, true)
      const held = isHeld(await store.commitRun(lease, turn({ after: history.revision, next: park(history) })))
      assert.deepEqual(
        held.signals.map(({ name }) => name),
        ['approve'],
      )
      isReleased(await store.commitRun(lease, turn({ number: 2, after: held.revision, next: park(held) })))
    },
    'signals of one name are consumed in the order they came': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      for (const payload of ['"1"', '"2"', '"3"']) await store.signalRun(signal(run.runId, 'more', { payload }))
      const { lease } = await claim(store, run.runId)
      await hold(store, lease, { schedule: [suspend('more'), suspend('more', 1)] })
      await hold(store, lease, { number: 2, schedule: [suspend('more', 2)] })
      assert.deepEqual(
        (await reader.listSteps(run.runId)).map(({ output }) => output),
        ['"1"', '"2"', '"3"'],
      )
    },
    'of ten equal signals one is accepted': async (world) => {
      const { runId } = await parked(world.store, [suspend('approve'), suspend('approve', 1)])
      const other = (await world.sibling()).store
      const same = signal(runId, 'approve')
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, i) => (i % 2 ? world.store : other).signalRun(same)),
      )
      assert.equal(answers.filter(({ accepted }) => accepted).length, 1)
      const steps = await world.reader.listSteps(runId)
      assert.deepEqual(
        steps.map(({ status }) => status),
        ['succeeded', 'scheduled'],
      )
      assert.equal((await world.store.signalRun({ ...same, name: 'another name' })).accepted, false)
    },
    'one id may be used in two runs': async ({ store }) => {
      const { run: one } = await store.createRun(newRun())
      const { run: two } = await store.createRun(newRun())
      const signalId = freshId('shared')
      assert.equal((await store.signalRun(signal(one.runId, 'x', { signalId }))).accepted, true)
      assert.equal((await store.signalRun(signal(two.runId, 'x', { signalId }))).accepted, true)
    },
    'many different signals at once are all kept, in an order of their own': async (world) => {
      const { store } = world
      const { run } = await store.createRun(newRun())
      const other = (await world.sibling()).store
      const names = Array.from({ length: 30 }, (_, i) => `n${i}`)
      await Promise.all(names.map((name, i) => (i % 2 ? store : other).signalRun(signal(run.runId, name))))
      const { history } = await claim(store, run.runId)
      assert.deepEqual(new Set(history.signals.map(({ name }) => name)), new Set(names))
      assert.equal(new Set(history.signals.map(({ revision }) => revision)).size, 30)
    },
    'unknown and ended runs accept nothing': async ({ store }) => {
      const ended = await completed(store)
      for (const runId of ['nobody', ended]) {
        assert.deepEqual(await store.signalRun(signal(runId, 'x')), { accepted: false, wake: [] })
        assert.deepEqual(await store.signalRun({ kind: 'resume', runId }), { accepted: false, wake: [] })
      }
    },
    'A18: a signal sets a run running that waits for a person': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease, history } = await claim(store, run.runId)
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: 'please approve' } as const
      isReleased(await store.commitRun(lease, turn({ schedule: [suspend('approve')], next })))
      const waiting = await reader.getRun(run.runId)
      assert.deepEqual([waiting?.status, waiting?.reason], ['suspended', 'please approve'])
      const { wake } = await store.signalRun(signal(run.runId, 'approve'))
      assert.deepEqual(runIdsOf(wake), [run.runId])
      assert.equal((await reader.getRun(run.runId))?.status, 'running')
      assert.deepEqual(namesOf((await claim(store, run.runId)).history.steps), ['approve'])
    },
    'A18: a run that waits for a person is refused to leave when it was woken': async ({ store }) => {
      const { runId } = await parked(store, [suspend('approve')])
      const { lease, history } = await claim(store, runId)
      await store.signalRun(signal(runId, 'approve'))
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: null } as const
      const held = isHeld(await store.commitRun(lease, turn({ after: history.revision, next })))
      assert.deepEqual(namesOf(held.steps), ['approve'])
    },
    "A18: a user's step named 'resume' has nothing to do with resuming": async ({ store, reader }) => {
      const { runId } = await parked(store, [suspend('resume')])
      await store.signalRun({ kind: 'resume', runId })
      assert.equal((await reader.listSteps(runId))[0]?.status, 'scheduled')
      await store.signalRun(signal(runId, 'resume', { payload: '"mine"' }))
      assert.equal((await reader.listSteps(runId))[0]?.output, '"mine"')
    },
    'a signal to a run that the engine suspended is kept, and does not let it go on': async ({ store, reader }) => {
      const { runId } = await parked(store, [suspend('approve'), rpc('a')])
      const { lease, history } = await claim(store, runId)
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: 'diverged', codeHash: 'code-1' } as const
      isReleased(await store.commitRun(lease, turn({ next })))
      assert.equal((await store.signalRun(signal(runId, 'approve'))).accepted, true)
      assert.equal((await reader.getRun(runId))?.status, 'suspended')
      assert.equal(await store.claimRun(claimAsk(runId)), null)
      const resumed = await store.signalRun({ kind: 'resume', runId })
      assert.equal(resumed.accepted, true)
      assert.deepEqual(runIdsOf(resumed.wake), [runId], 'rung although a signal had woken it before')
      const again = await claim(store, runId)
      assert.deepEqual(namesOf(again.history.steps), ['a', 'approve'])
      assert.equal(again.history.run.status, 'running')
    },
    'A13: a resume again answers the same': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease, history } = await claim(store, runId)
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: 'diverged', codeHash: 'code-1' } as const
      await store.commitRun(lease, turn({ next }))
      const first = await store.signalRun({ kind: 'resume', runId })
      assert.deepEqual(await store.signalRun({ kind: 'resume', runId }), first)
    },
    'a resume wakes whoever holds the run': async ({ store }) => {
      const { run } = await store.createRun(newRun())
      const { lease, history } = await claim(store, run.runId)
      assert.equal(runItems((await store.signalRun({ kind: 'resume', runId: run.runId })).wake)[0]?.held, true)
      const held = isHeld(await store.commitRun(lease, turn({ after: history.revision, next: park(history) })))
      isReleased(await store.commitRun(lease, turn({ number: 2, after: held.revision, next: park(held) })))
    },
    'a step that waits for a signal is no work for the sweep': async (world) => {
      const { runId } = await parked(world.store, [suspend('approve')])
      await world.advance(10 * 3_600_000)
      assert.deepEqual(await world.store.sweep(sweepAsk()), { items: [], full: false, nextDueInMs: null })
      assert.deepEqual((await world.reader.listSteps(runId))[0]?.id, id('approve'))
    },
  },
}
