import assert from 'node:assert/strict'
import {
  claim,
  claimAsk,
  claimStep,
  completed,
  hold,
  hour,
  isReleased,
  minute,
  newRun,
  park,
  parked,
  rejectsAsLost,
  retry,
  rpc,
  stepAsk,
  succeeded,
  sweepAsk,
  turn,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

export const renewTests: StoreTestGroup = {
  name: 'renewLeases',
  tests: {
    'a renewed lease is not taken over; one that is not renewed is': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('kept'), rpc('left')])
      const { run: other } = await store.createRun(newRun())
      const run = await claim(store, runId, { leaseMs: minute })
      const kept = await claimStep(store, runId, 'kept', { leaseMs: minute })
      await claimStep(store, runId, 'left', { leaseMs: minute })
      await claim(store, other.runId, { leaseMs: minute })
      const leases = [run.lease, kept.lease]
      assert.deepEqual(await store.renewLeases(leases, hour), { lost: [], busy: [], woken: [] })
      await world.advance(10 * minute)
      assert.equal(await store.claimRun(claimAsk(runId)), null)
      assert.equal(await store.claimStep(stepAsk(runId, 'kept')), null)
      await claimStep(store, runId, 'left')
      await claim(store, other.runId)
    },
    'a renewal never shortens a lease': async (world) => {
      const { run } = await world.store.createRun(newRun())
      const { lease } = await claim(world.store, run.runId, { leaseMs: hour })
      await world.store.renewLeases([lease], minute)
      await world.advance(30 * minute)
      assert.equal(await world.store.claimRun(claimAsk(run.runId)), null)
    },
    'A22: a lease that ran out and was not taken over is renewed': async (world) => {
      const { run } = await world.store.createRun(newRun())
      const { lease } = await claim(world.store, run.runId, { leaseMs: minute })
      await world.advance(hour)
      assert.deepEqual((await world.store.renewLeases([lease], hour)).lost, [])
      assert.equal(await world.store.claimRun(claimAsk(run.runId)), null)
    },
    'A20: superseded, released, settled and ended leases are lost, and only they': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('stolen'), rpc('settled'), rpc('mine')])
      const stolen = await claimStep(store, runId, 'stolen', { leaseMs: minute })
      await world.advance(hour)
      await claimStep(store, runId, 'stolen', { owner: 'thief' })
      const settled = await claimStep(store, runId, 'settled')
      await store.settleStep(settled.lease, succeeded())
      const mine = await claimStep(store, runId, 'mine')
      const first = await claim(store, runId)
      isReleased(await store.commitRun(first.lease, turn({ next: park(first.history) })))
      const again = await claim(store, runId)
      const { run: cancelled } = await store.createRun(newRun())
      const gone = await claim(store, cancelled.runId)
      await store.cancelRun(cancelled.runId, 'enough')
      const unknown = { ...again.lease, runId: 'nobody' }
      const lost = [stolen.lease, settled.lease, first.lease, gone.lease, unknown]
      const answer = await store.renewLeases([mine.lease, ...lost, again.lease], minute)
      assert.deepEqual(new Set(answer.lost.map(asText)), new Set(lost.map(asText)))
      assert.deepEqual(answer.busy, [])
    },
    'A20: a step of a cancelled run is lost to its worker': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease } = await claimStep(store, runId, 'a')
      await store.cancelRun(runId, 'enough')
      assert.deepEqual((await store.renewLeases([lease], minute)).lost.map(asText), [asText(lease)])
    },
    'A5: a held run that was woken is reported until its holder has read it': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease, history } = await claim(store, runId)
      assert.deepEqual((await store.renewLeases([lease], minute)).woken, [])
      const step = await claimStep(store, runId, 'a')
      assert.deepEqual((await store.renewLeases([lease, step.lease], minute)).woken, [])
      await store.settleStep(step.lease, succeeded())
      assert.deepEqual((await store.renewLeases([lease], minute)).woken, [runId])
      assert.deepEqual((await store.renewLeases([lease], minute)).woken, [runId])
      await hold(store, lease, { after: history.revision })
      assert.deepEqual((await store.renewLeases([lease], minute)).woken, [])
    },
    'A5: the holder of a step is told nothing of its run': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a'), rpc('b')])
      await claim(store, runId)
      const [a, b] = [await claimStep(store, runId, 'a'), await claimStep(store, runId, 'b')]
      await store.settleStep(a.lease, succeeded())
      assert.deepEqual(await store.renewLeases([b.lease], minute), { lost: [], busy: [], woken: [] })
    },
    'two hundred leases in one call': async (world) => {
      const { store } = world
      const runs = await Promise.all(Array.from({ length: 200 }, () => store.createRun(newRun())))
      const claims = await Promise.all(runs.map(({ run }) => claim(store, run.runId, { leaseMs: minute })))
      const leases = claims.map(({ lease }) => lease)
      assert.deepEqual(await store.renewLeases(leases, hour), { lost: [], busy: [], woken: [] })
      await world.advance(10 * minute)
      assert.deepEqual((await store.sweep(sweepAsk({ limit: 500 }))).items, [])
    },
    'what was given back is not renewed, not even after a sweep rang for it': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a')])
      const held = await claimStep(store, runId, 'a')
      await store.settleStep(held.lease, retry(minute))
      const run = await claim(store, runId)
      isReleased(await store.commitRun(run.lease, turn({ next: { kind: 'yield', delayMs: minute } })))
      await world.advance(2 * minute)
      assert.equal((await store.sweep(sweepAsk())).items.length, 2)
      const { lost } = await store.renewLeases([held.lease, run.lease], hour)
      assert.deepEqual(lost.map(asText).sort(), [held.lease, run.lease].map(asText).sort())
      await claimStep(store, runId, 'a')
      await claim(store, runId)
    },
    'no leases, no answer': async ({ store }) => {
      assert.deepEqual(await store.renewLeases([], minute), { lost: [], busy: [], woken: [] })
    },
    'a run that ended is lost to its own holder': async ({ store }) => {
      const given = newRun()
      const runId = await completed(store, given)
      const lease = { runId, owner: 'worker-1', claimId: 'any', epoch: 1 }
      assert.deepEqual((await store.renewLeases([lease], minute)).lost, [lease])
      await rejectsAsLost(store.commitRun(lease, turn({ number: 9 })))
    },
  },
}

function asText(lease: object): string {
  return JSON.stringify(Object.entries(lease).sort(([a], [b]) => (a < b ? -1 : 1)))
}
