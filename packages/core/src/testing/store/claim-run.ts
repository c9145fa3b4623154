import assert from 'node:assert/strict'
import {
  claim,
  claimAsk,
  claimStep,
  completed,
  freshId,
  hold,
  hour,
  inline,
  isReleased,
  minute,
  namesOf,
  newRun,
  park,
  parked,
  rejectsAsLost,
  rpc,
  sleep,
  succeeded,
  turn,
  withoutTime,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

export const claimRunTests: StoreTestGroup = {
  name: 'claimRun',
  tests: {
    'a claim answers the lease and the history': async ({ store }) => {
      const { run } = await store.createRun(newRun())
      const ask = claimAsk(run.runId)
      const answer = await store.claimRun(ask)
      assert.ok(answer && 'lease' in answer)
      const { lease, history } = answer
      const { runId, owner, claimId } = ask
      assert.deepEqual({ ...lease, epoch: 0 }, { runId, owner, claimId, epoch: 0 })
      assert.equal(lease.step, undefined)
      assert.deepEqual([history.steps, history.signals, history.more], [[], [], false])
      assert.equal(history.run.runId, run.runId)
      assert.equal(history.run.input, run.input)
    },
    'unknown, ended and leased runs are not claimed': async ({ store }) => {
      assert.equal(await store.claimRun(claimAsk('nobody')), null)
      assert.equal(await store.claimRun(claimAsk(await completed(store))), null)
      const { run } = await store.createRun(newRun())
      await claim(store, run.runId)
      assert.equal(await store.claimRun(claimAsk(run.runId, { owner: 'worker-2' })), null)
      assert.equal(await store.claimRun(claimAsk(run.runId)), null)
    },
    'A23: a worker that does not know the workflow does not claim it': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const stranger = [{ name: 'other', codeHash: 'code-1' }]
      assert.equal(await store.claimRun(claimAsk(run.runId, { known: stranger })), null)
      assert.equal(await store.claimRun(claimAsk(run.runId, { known: [] })), null)
      assert.equal((await reader.getRun(run.runId))?.status, 'running')
      await claim(store, run.runId, { known: [...stranger, { name: 'order', codeHash: 'any' }] })
    },
    'F2: of thirty racing claims one wins': async (world) => {
      const { run } = await world.store.createRun(newRun())
      const stores = [world.store, (await world.sibling()).store, (await world.sibling()).store]
      const asks = Array.from({ length: 30 }, (_, i) => claimAsk(run.runId, { owner: `worker-${i % 3}` }))
      const answers = await Promise.all(asks.map((ask, i) => (stores[i % 3] ?? world.store).claimRun(ask)))
      assert.equal(answers.filter((answer) => answer !== null).length, 1)
    },
    'A13: the same claim again answers the same lease': async (world) => {
      const other = (await world.sibling()).store
      const { run } = await world.store.createRun(newRun())
      const ask = claimAsk(run.runId)
      const first = await world.store.claimRun(ask)
      assert.ok(first)
      assert.deepEqual(withoutTime(await other.claimRun(ask)), withoutTime(first))
      assert.deepEqual(withoutTime(await world.store.claimRun(ask)), withoutTime(first))
    },
    'A13: the same claim twice at once is one lease': async (world) => {
      const other = (await world.sibling()).store
      const { run } = await world.store.createRun(newRun())
      const ask = claimAsk(run.runId)
      const answers = await Promise.all([world.store, other, world.store].map((store) => store.claimRun(ask)))
      const epochs = answers.map((answer) => answer && 'lease' in answer && answer.lease.epoch)
      assert.equal(new Set(epochs).size, 1)
      assert.equal(typeof epochs[0], 'number')
    },
    'A13: a claim that arrives again after its lease was given back gets nothing': async ({ store }) => {
      const { run } = await store.createRun(newRun())
      const ask = claimAsk(run.runId)
      const first = await store.claimRun(ask)
      assert.ok(first && 'lease' in first)
      isReleased(await store.commitRun(first.lease, turn({ next: park(first.history) })))
      assert.equal(await store.claimRun(ask), null)
      await claim(store, run.runId, { owner: 'worker-2' })
      assert.equal(await store.claimRun(ask), null)
    },
    'a parked run is claimed again under a higher epoch': async ({ store }) => {
      const { run } = await store.createRun(newRun())
      const first = await claim(store, run.runId)
      await store.commitRun(first.lease, turn({ next: park(first.history) }))
      const second = await claim(store, run.runId, { owner: 'worker-2' })
      assert.ok(second.lease.epoch > first.lease.epoch)
      assert.equal(second.history.run.crashes, 0)
    },
    'F10: a lease that ran out is taken over; the old holder can write no more': async (world) => {
      const other = (await world.sibling()).store
      const { run } = await world.store.createRun(newRun())
      const first = await claim(world.store, run.runId, { leaseMs: minute })
      await world.advance(2 * minute)
      const second = await claim(other, run.runId, { owner: 'worker-2' })
      assert.ok(second.lease.epoch > first.lease.epoch)
      assert.equal(second.history.run.crashes, 1)
      await rejectsAsLost(world.store.commitRun(first.lease, turn({ record: [inline('late')] })))
      assert.deepEqual(await world.reader.listSteps(run.runId), [])
    },
    'what changed after a revision, oldest change first': async ({ store }) => {
      const { runId, revision } = await parked(store, [rpc('a'), rpc('b'), rpc('c')])
      const c = await claimStep(store, runId, 'c')
      const a = await claimStep(store, runId, 'a')
      await store.settleStep(c.lease, succeeded('"C"'))
      await store.settleStep(a.lease, succeeded('"A"'))
      const { history } = await claim(store, runId, { after: revision })
      assert.deepEqual(namesOf(history.steps), ['c', 'a'])
      const [first, second] = history.steps
      assert.deepEqual([first?.output, second?.output], ['"C"', '"A"'])
      assert.ok(first?.settledSeq && second?.settledSeq && first.settledSeq < second.settledSeq)
    },
    'nothing changed, nothing is handed over': async ({ store }) => {
      const { runId, revision } = await parked(store, [rpc('a')])
      const { history } = await claim(store, runId, { after: revision })
      assert.deepEqual([history.steps, history.signals, history.revision], [[], [], revision])
    },
    'the whole history holds every field of a step': async ({ store }) => {
      const plan = { ...rpc('a'), id: { name: 'a', ordinal: 3 }, askedAfter: 7 }
      const { runId } = await parked(store, [plan])
      const step = (await claim(store, runId)).history.steps[0]
      assert.partialDeepStrictEqual(step, {
        id: { name: 'a', ordinal: 3 },
        kind: 'rpc',
        status: 'scheduled',
        rpcName: 'work',
        inputDigest: 'digest of a',
        output: null,
        error: null,
        reason: null,
        attempt: 0,
        lost: 0,
        askedAfter: 7,
        settledSeq: null,
        settledAt: null,
        dueInMs: null,
      })
    },
    'A17: due sleeps are settled by the claim, the one due first first': async (world) => {
      const { store } = world
      const { runId, revision } = await parked(store, [
        sleep('long', 3 * minute),
        sleep('short', minute),
        sleep('later', hour),
      ])
      await world.advance(10 * minute)
      const { history } = await claim(store, runId, { after: revision })
      assert.deepEqual(namesOf(history.steps), ['short', 'long'])
      for (const step of history.steps)
        assert.deepEqual([step.status, step.output, step.dueInMs], ['succeeded', '', null])
      const open = (await world.reader.listSteps(runId)).find(({ id }) => id.name === 'later')
      assert.equal(open?.status, 'scheduled')
      assert.ok(open.dueInMs !== null && open.dueInMs > 49 * minute && open.dueInMs <= 50 * minute)
    },
    'A20: a child whose parent has ended is not claimed but told so': async ({ store, reader }) => {
      const parent = await completed(store)
      const step = { name: 'c', ordinal: 0 }
      const { run: kept } = await store.createRun(newRun({ parent: { runId: parent, step, onEnd: 'abandon' } }))
      const { run: child } = await store.createRun(newRun({ parent: { runId: parent, step, onEnd: 'cancel' } }))
      assert.deepEqual(await store.claimRun(claimAsk(child.runId)), { ended: 'parent' })
      assert.equal((await reader.getRun(child.runId))?.status, 'running')
      await claim(store, kept.runId)
    },
    'A20: a child is told of its ended parent even while it is leased': async ({ store }) => {
      const { run: parent } = await store.createRun(newRun())
      const link = { runId: parent.runId, step: { name: 'c', ordinal: 0 }, onEnd: 'cancel' } as const
      const { run: child } = await store.createRun(newRun({ parent: link }))
      await claim(store, child.runId)
      await store.cancelRun(parent.runId, 'enough')
      assert.deepEqual(await store.claimRun(claimAsk(child.runId, { owner: 'worker-2' })), { ended: 'parent' })
    },
    'many claims in one event-loop turn are each answered with their own': async (world) => {
      const { store } = world
      const runs = await Promise.all(Array.from({ length: 40 }, () => parked(store, [sleep('nap', minute)])))
      await world.advance(2 * minute)
      const asks = runs.flatMap(({ runId }) => [claimAsk(runId), claimAsk(runId, { owner: 'worker-2' })])
      const strangers = Array.from({ length: 5 }, () => claimAsk(freshId('nobody')))
      const answers = await Promise.all([...asks, ...strangers].map((ask) => store.claimRun(ask)))
      const won = answers.flatMap((answer, i) => (answer && 'lease' in answer ? [{ answer, ask: asks[i] }] : []))
      assert.equal(won.length, 40)
      for (const { answer, ask } of won) {
        assert.equal(answer.lease.runId, ask?.runId)
        assert.equal(answer.lease.claimId, ask?.claimId)
        assert.equal(answer.history.run.runId, ask?.runId)
        assert.deepEqual(
          answer.history.steps.map(({ id, status }) => [id.name, status]),
          [['nap', 'succeeded']],
        )
      }
      for (const { answer } of won) await hold(store, answer.lease)
    },
  },
}
