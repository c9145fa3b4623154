import assert from 'node:assert/strict'
import type { Turn, WorkflowStore } from '../../contract/index.ts'
import {
  child,
  claim,
  claimAsk,
  claimStep,
  completed,
  hold,
  hour,
  isReleased,
  minute,
  namesOf,
  newRun,
  park,
  parked,
  rejectsAsLost,
  rpc,
  runIdsOf,
  stepAsk,
  succeeded,
  suspend,
  sweepAsk,
  turn,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

async function endBy(store: WorkflowStore, runId: string, next: Turn['next']): Promise<readonly string[]> {
  const { lease } = await claim(store, runId)
  return runIdsOf(isReleased(await store.commitRun(lease, turn({ next }))).wake)
}

export const cancelRunTests: StoreTestGroup = {
  name: 'cancelRun',
  tests: {
    'F17: a cancelled run stays cancelled, and its holder writes no more': async ({ store, reader }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease } = await claim(store, runId)
      const answer = await store.cancelRun(runId, 'changed my mind')
      assert.equal(answer.cancelled, true)
      const run = await reader.getRun(runId)
      assert.deepEqual(
        [run?.status, run?.reason, run?.output, run?.error],
        ['cancelled', 'changed my mind', null, null],
      )
      await rejectsAsLost(store.commitRun(lease, turn({ number: 5, next: { kind: 'complete', output: '' } })))
      assert.equal(await store.claimRun(claimAsk(runId)), null)
      assert.deepEqual(await reader.getRun(runId), run)
    },
    'runs that wait are cancelled too': async ({ store, reader }) => {
      const waiting = await parked(store, [suspend('approve')])
      const { run: fresh } = await store.createRun(newRun())
      for (const runId of [waiting.runId, fresh.runId]) {
        assert.equal((await store.cancelRun(runId, 'r')).cancelled, true)
        assert.equal((await reader.getRun(runId))?.status, 'cancelled')
      }
    },
    'an ended and an unknown run are left alone': async ({ store, reader }) => {
      const runId = await completed(store)
      assert.deepEqual(await store.cancelRun(runId, 'late'), { cancelled: false, wake: [] })
      assert.equal((await reader.getRun(runId))?.status, 'completed')
      assert.deepEqual(await store.cancelRun('nobody', 'why'), { cancelled: false, wake: [] })
    },
    'A13: cancelling again changes nothing': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      await store.cancelRun(run.runId, 'first')
      const before = await reader.getRun(run.runId)
      await store.cancelRun(run.runId, 'second')
      assert.deepEqual(await reader.getRun(run.runId), before)
    },
  },
}

export const familyTests: StoreTestGroup = {
  name: 'families',
  tests: {
    'A20: every way to end a child settles its step in the parent, and wakes the parent': async ({ store, reader }) => {
      const parent = newRun()
      const plans = ['completed', 'failed', 'cancelled', 'cancelled from outside'].map((name) =>
        child(parent.runId, name),
      )
      await parked(store, plans, parent)
      const [one, two, three, four] = plans.map((plan) => plan.child.runId)
      assert.ok(one && two && three && four)
      assert.deepEqual(await endBy(store, one, { kind: 'complete', output: '"O"' }), [parent.runId])
      assert.deepEqual(await endBy(store, two, { kind: 'fail', error: '"E"' }), [], 'the parent was told already')
      await endBy(store, three, { kind: 'cancel', reason: 'R' })
      await claim(store, parent.runId)
      assert.deepEqual(runIdsOf((await store.cancelRun(four, 'from outside')).wake), [parent.runId])
      const steps = await reader.listSteps(parent.runId)
      assert.deepEqual(
        steps.map(({ status, output, error, reason }) => [status, output, error, reason]),
        [
          ['succeeded', '"O"', null, null],
          ['failed', null, '"E"', null],
          ['failed', null, null, 'R'],
          ['failed', null, null, 'from outside'],
        ],
      )
    },
    'A13: the end of a child, told twice, settles once': async ({ store, reader }) => {
      const parent = newRun()
      const plan = child(parent.runId, 'c')
      await parked(store, [plan], parent)
      const { lease } = await claim(store, plan.child.runId)
      const end = turn({ next: { kind: 'complete', output: '"O"' } })
      await store.commitRun(lease, end)
      const before = await reader.listSteps(parent.runId)
      assert.deepEqual(runIdsOf(isReleased(await store.commitRun(lease, end)).wake), [parent.runId])
      assert.deepEqual(await reader.listSteps(parent.runId), before)
    },
    'park is refused when a child ended meanwhile': async ({ store }) => {
      const ends = [
        (runId: string) => endBy(store, runId, { kind: 'complete', output: '"O"' }),
        (runId: string) => store.cancelRun(runId, 'from outside'),
      ]
      for (const end of ends) {
        const parent = newRun()
        const plan = child(parent.runId, 'c')
        await store.createRun(parent)
        const { lease, history } = await claim(store, parent.runId)
        const held = await hold(store, lease, { schedule: [plan] })
        await end(plan.child.runId)
        const committed = await store.commitRun(lease, turn({ number: 2, after: held.revision, next: park(history) }))
        assert.ok(!committed.released)
        assert.deepEqual(namesOf(committed.steps), ['c'])
      }
    },
    'A9: children that end in one event-loop turn have places of their own in the parent': async ({ store }) => {
      const parent = newRun()
      const plans = Array.from({ length: 30 }, (_, i) => child(parent.runId, `c${i}`))
      const { revision } = await parked(store, plans, parent)
      const claims = await Promise.all(plans.map((plan) => claim(store, plan.child.runId)))
      const next = { kind: 'complete', output: '"O"' } as const
      await Promise.all(claims.map(({ lease }) => store.commitRun(lease, turn({ next }))))
      const { history } = await claim(store, parent.runId, { after: revision })
      assert.equal(history.steps.length, 30)
      assert.equal(new Set(history.steps.map(({ settledSeq }) => settledSeq)).size, 30)
      assert.equal(new Set(history.steps.map((step) => step.revision)).size, 30)
      assert.ok(history.revision >= revision + 30)
    },
    'A19: a child that ends while the parent is suspended settles its step': async ({ store, reader }) => {
      const parent = newRun()
      const plan = child(parent.runId, 'c')
      await parked(store, [plan], parent)
      const { lease, history } = await claim(store, parent.runId)
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: 'diverged', codeHash: 'code-1' } as const
      isReleased(await store.commitRun(lease, turn({ next })))
      await endBy(store, plan.child.runId, { kind: 'complete', output: '"O"' })
      assert.equal((await reader.listSteps(parent.runId))[0]?.output, '"O"')
    },
    'a child may end after its parent': async ({ store, reader }) => {
      const parent = newRun()
      const link = { runId: parent.runId, step: { name: 'c', ordinal: 0 }, onEnd: 'abandon' } as const
      const plan = child(parent.runId, 'c', { parent: link })
      await parked(store, [plan], parent)
      await store.cancelRun(parent.runId, 'enough')
      assert.deepEqual(await endBy(store, plan.child.runId, { kind: 'complete', output: '"O"' }), [])
      assert.equal((await reader.getRun(plan.child.runId))?.status, 'completed')
      assert.equal((await reader.listSteps(parent.runId))[0]?.settledSeq, null)
    },
    'A20: children of an ended parent are found by the sweep, unless they may outlive it': async (world) => {
      const { store } = world
      const parent = newRun()
      const step = { name: 'kept', ordinal: 0 }
      const plans = [
        child(parent.runId, 'new'),
        child(parent.runId, 'parked'),
        child(parent.runId, 'held'),
        child(parent.runId, 'kept', { parent: { runId: parent.runId, step, onEnd: 'abandon' } }),
      ]
      await parked(store, plans, parent)
      const [fresh, waiting, held, kept] = plans.map((plan) => plan.child.runId)
      assert.ok(fresh && waiting && held && kept)
      for (const runId of [waiting, kept]) {
        const { lease, history } = await claim(store, runId)
        isReleased(await store.commitRun(lease, turn({ schedule: [suspend('p')], next: park(history) })))
      }
      await claim(store, held, { leaseMs: 10 * hour })
      await store.cancelRun(parent.runId, 'enough')
      await world.advance(minute)
      const swept = async (): Promise<unknown> => new Set(runIdsOf((await store.sweep(sweepAsk())).items))
      assert.deepEqual(await swept(), new Set([fresh, waiting, held]))
      await store.cancelRun(waiting, 'parent ended')
      await world.advance(hour)
      assert.deepEqual(await swept(), new Set([fresh, held]))
    },
    'A20: so are children of a parent that was deleted, and nobody claims them': async (world) => {
      const { store, reader, admin } = world
      const parent = newRun()
      const plan = child(parent.runId, 'c')
      await parked(store, [plan], parent)
      await store.cancelRun(parent.runId, 'enough')
      const finishedBefore = ((await reader.getRun(parent.runId))?.endedAt ?? 0) + 1_000
      assert.equal(await admin.deleteRuns({ finishedBefore, limit: 9 }), 1)
      assert.deepEqual(await store.claimRun(claimAsk(plan.child.runId)), { ended: 'parent' })
      await world.advance(minute)
      assert.deepEqual(runIdsOf((await store.sweep(sweepAsk())).items), [plan.child.runId])
      assert.equal((await store.cancelRun(plan.child.runId, 'its parent is gone')).cancelled, true)
    },
    'A11: a batch that settles a step of the parent and ends its children': async ({ store, reader }) => {
      const parents = Array.from({ length: 8 }, () => newRun())
      const families = await Promise.all(
        parents.map(async (parent) => {
          const plan = child(parent.runId, 'c')
          await parked(store, [plan, rpc('a')], parent)
          const step = await claimStep(store, parent.runId, 'a')
          return { parent, step: step.lease, end: (await claim(store, plan.child.runId)).lease }
        }),
      )
      const next = { kind: 'complete', output: '"O"' } as const
      const writes = families.flatMap(({ step, end }) => [
        store.settleStep(step, succeeded()),
        store.commitRun(end, turn({ next })),
      ])
      await Promise.all(writes)
      for (const { parent } of families) {
        const steps = await reader.listSteps(parent.runId)
        assert.deepEqual(
          steps.map(({ status }) => status),
          ['succeeded', 'succeeded'],
        )
      }
    },
    "a run that only says it is a step's child settles nothing": async ({ store, reader }) => {
      const parent = newRun()
      const plan = child(parent.runId, 'c')
      await parked(store, [plan, suspend('p')], parent)
      for (const name of ['c', 'p', 'no step']) {
        const link = { runId: parent.runId, step: { name, ordinal: 0 }, onEnd: 'cancel' } as const
        const { run: pretender } = await store.createRun(newRun({ parent: link }))
        await endBy(store, pretender.runId, { kind: 'complete', output: '"of nobody"' })
        const { run: another } = await store.createRun(newRun({ parent: link }))
        await store.cancelRun(another.runId, 'enough')
      }
      await endBy(store, plan.child.runId, { kind: 'complete', output: '"O"' })
      const { run: late } = await store.createRun(
        newRun({ parent: { runId: parent.runId, step: { name: 'c', ordinal: 0 }, onEnd: 'cancel' } }),
      )
      await endBy(store, late.runId, { kind: 'complete', output: '"late"' })
      assert.deepEqual(
        (await reader.listSteps(parent.runId)).map(({ status, output }) => [status, output]),
        [
          ['succeeded', '"O"'],
          ['scheduled', null],
        ],
      )
    },
    'a step of a child is no step of its parent': async ({ store }) => {
      const parent = newRun()
      const plan = child(parent.runId, 'same name')
      await parked(store, [plan], parent)
      assert.equal(await store.claimStep(stepAsk(parent.runId, 'same name')), null)
    },
  },
}
