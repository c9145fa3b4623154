import assert from 'node:assert/strict'
import {
  claim,
  claimAsk,
  claimStep,
  hold,
  hour,
  inline,
  minute,
  newRun,
  parked,
  rpc,
  stepAsk,
  succeeded,
  sweepAsk,
  turn,
} from './given.ts'
import { rejectsAsLost, runIdsOf, runItems, stepItems } from './given.ts'
import type { StoreTestGroup, World } from './world.ts'

/** Claim and let the lease run out, `times` times, waiting long enough for every hold-back. */
async function crash(world: World, runId: string, times: number): Promise<void> {
  for (let i = 0; i < times; i += 1) {
    await claim(world.store, runId, { leaseMs: minute })
    await world.advance(2 * hour)
  }
}

export const crashTests: StoreTestGroup = {
  name: 'crashes',
  tests: {
    'A22: each crash doubles the lease': async (world) => {
      const { run } = await world.store.createRun(newRun())
      await claim(world.store, run.runId, { leaseMs: minute })
      await world.advance(minute + 5_000)
      const second = await claim(world.store, run.runId, { leaseMs: minute })
      assert.equal(second.history.run.crashes, 1)
      await world.advance(minute + 30_000)
      assert.equal(await world.store.claimRun(claimAsk(run.runId)), null)
      await world.advance(2 * minute)
      await claim(world.store, run.runId)
    },
    'A21: from the second crash on the next claim is held back': async (world) => {
      const { run } = await world.store.createRun(newRun())
      await crash(world, run.runId, 6)
      // Six leases: five crashes so far. The sixth lease is 32 times as long, then 16 s are waited.
      const { history } = await claim(world.store, run.runId, { leaseMs: minute, limit: { max: 50, reason: '' } })
      assert.equal(history.run.crashes, 6)
      await world.advance(64 * minute + 10_000)
      assert.equal(await world.store.claimRun(claimAsk(run.runId, { limit: { max: 50, reason: '' } })), null)
      await world.advance(60_000)
      await claim(world.store, run.runId, { limit: { max: 50, reason: '' } })
    },
    'A21: one crash over the limit suspends the run, and does not fail it': async (world) => {
      const { store, reader } = world
      const { run } = await store.createRun(newRun())
      const limit = { max: 2, reason: 'poisonous' }
      await crash(world, run.runId, 3)
      assert.equal(await store.claimRun(claimAsk(run.runId, { limit })), null)
      const suspended = await reader.getRun(run.runId)
      assert.deepEqual([suspended?.status, suspended?.reason, suspended?.error], ['suspended', 'poisonous', null])
      for (const codeHash of ['code-1', 'code-2']) {
        const ask = claimAsk(run.runId, { known: [{ name: 'order', codeHash }], limit: { max: 99, reason: '' } })
        assert.equal(await store.claimRun(ask), null)
      }
      await world.advance(10 * hour)
      assert.deepEqual(runItems((await store.sweep(sweepAsk())).items), [])
    },
    'A21: the holder that comes back after the limit writes nothing': async (world) => {
      const { run } = await world.store.createRun(newRun())
      const { lease } = await claim(world.store, run.runId)
      await world.advance(hour)
      await world.store.claimRun(claimAsk(run.runId, { limit: { max: 0, reason: 'poisonous' } }))
      await rejectsAsLost(world.store.commitRun(lease, turn({ record: [inline('late')] })))
    },
    'resume lets it go on, with the crashes forgotten': async (world) => {
      const { store } = world
      const { run } = await store.createRun(newRun())
      await crash(world, run.runId, 3)
      await store.claimRun(claimAsk(run.runId, { limit: { max: 2, reason: 'poisonous' } }))
      const resumed = await store.signalRun({ kind: 'resume', runId: run.runId })
      assert.equal(resumed.accepted, true)
      assert.deepEqual(runIdsOf(resumed.wake), [run.runId])
      const { history } = await claim(store, run.runId, { limit: { max: 2, reason: 'poisonous' } })
      assert.deepEqual([history.run.status, history.run.crashes, history.run.reason], ['running', 0, null])
    },
    'A21: a lease given back is no crash': async ({ store }) => {
      const { run } = await store.createRun(newRun())
      for (let i = 0; i < 3; i += 1) {
        const { lease, history } = await claim(store, run.runId)
        assert.equal(history.run.crashes, 0)
        await store.commitRun(lease, turn({ next: { kind: 'yield', delayMs: 0 } }))
      }
    },
    'a commit that records or schedules something forgets the crashes': async (world) => {
      const { run } = await world.store.createRun(newRun())
      await crash(world, run.runId, 2)
      const { lease, history } = await claim(world.store, run.runId)
      assert.equal(history.run.crashes, 2)
      await hold(world.store, lease)
      assert.equal((await world.reader.getRun(run.runId))?.crashes, 2)
      await hold(world.store, lease, { number: 2, record: [inline('a')] })
      assert.equal((await world.reader.getRun(run.runId))?.crashes, 0)
    },
    'A33: lost attempts use up no retries, also when a resume has cleared their count': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a', { policy: { retries: 2, retryDelayMs: 0 } })])
      const left = async (): Promise<number> => {
        const { policy, attempt, lost } = await claimStep(store, runId, 'a', { leaseMs: minute })
        await world.advance(2 * minute)
        return policy.retries + 1 - (attempt - lost)
      }
      assert.deepEqual([await left(), await left()], [2, 2])
      await store.signalRun({ kind: 'resume', runId })
      assert.deepEqual([await left(), await left()], [2, 2])
      await store.signalRun({ kind: 'resume', runId })
      assert.equal(await left(), 2)
    },
    'A33: a step lost once too often suspends its run': async (world) => {
      const { store, reader } = world
      const { runId } = await parked(store, [rpc('a'), rpc('b')])
      const limit = { max: 1, reason: 'loses its workers' }
      const held = await claimStep(store, runId, 'b', { leaseMs: 10 * hour })
      for (let i = 0; i < 2; i += 1) {
        await claimStep(store, runId, 'a', { leaseMs: minute, limit })
        await world.advance(2 * minute)
      }
      assert.equal(await store.claimStep(stepAsk(runId, 'a', { limit })), null)
      const run = await reader.getRun(runId)
      assert.deepEqual([run?.status, run?.reason], ['suspended', 'loses its workers'])
      assert.equal(await store.claimStep(stepAsk(runId, 'a')), null)
      // What is under way still settles.
      assert.ok(await store.settleStep(held.lease, succeeded()))
      const { revision } = await store.readChanges(runId, 0)
      await store.signalRun({ kind: 'resume', runId })
      const { steps } = await store.readChanges(runId, revision)
      assert.deepEqual(
        steps.map(({ id, lost }) => [id.name, lost]),
        [['a', 0]],
        'whoever keeps the history is told of it',
      )
      await world.advance(hour)
      assert.equal(stepItems((await store.sweep(sweepAsk())).items).length, 1)
      const again = await claimStep(store, runId, 'a', { limit })
      assert.deepEqual([again.lost, again.attempt], [0, 3])
    },
  },
}
