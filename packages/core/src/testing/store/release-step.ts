import assert from 'node:assert/strict'
import {
  claim,
  claimStep,
  hour,
  id,
  isReleased,
  minute,
  namesOf,
  park,
  parked,
  retry,
  rpc,
  stepAsk,
  stepItems,
  succeeded,
  sweepAsk,
  turn,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

export const releaseStepTests: StoreTestGroup = {
  name: 'releaseStep',
  tests: {
    'A16: a step whose function was not entered is given back with its attempt': async ({ store, reader }) => {
      const { runId, wake } = await parked(store, [rpc('a')])
      const { lease } = await claimStep(store, runId, 'a')
      const released = await store.releaseStep(lease, { entered: false, delayMs: 0 })
      const [item] = stepItems(released.wake)
      assert.deepEqual([item?.step, item?.attempt], [id('a'), 1])
      assert.notDeepEqual(released.wake, stepItems(wake), 'under a key that was not used before')
      assert.equal((await claimStep(store, runId, 'a')).attempt, 1)
      assert.deepEqual(await reader.listAttempts(runId), [])
    },
    'A16: a step whose function was entered is given back as a lost attempt': async ({ store, reader }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease } = await claimStep(store, runId, 'a', { owner: 'leaving' })
      const released = await store.releaseStep(lease, { entered: true, delayMs: 0 })
      assert.deepEqual(
        stepItems(released.wake).map(({ attempt }) => attempt),
        [2],
      )
      const attempts = await reader.listAttempts(runId)
      assert.deepEqual(
        attempts.map(({ attempt, outcome, worker }) => [attempt, outcome, worker]),
        [[1, 'lost', 'leaving']],
      )
      const again = await claimStep(store, runId, 'a')
      assert.deepEqual([again.attempt, again.lost], [2, 1])
    },
    'a step given back with a delay is claimable after it': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a')])
      const { lease } = await claimStep(store, runId, 'a')
      assert.deepEqual(await store.releaseStep(lease, { entered: false, delayMs: hour }), { wake: [] })
      assert.equal(await store.claimStep(stepAsk(runId, 'a')), null)
      await world.advance(hour + minute)
      assert.deepEqual(
        stepItems((await store.sweep(sweepAsk())).items).map(({ attempt }) => attempt),
        [1],
      )
      await claimStep(store, runId, 'a')
    },
    'A13: the same release again answers as before': async ({ store, reader }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease } = await claimStep(store, runId, 'a')
      const first = await store.releaseStep(lease, { entered: true, delayMs: 0 })
      assert.deepEqual(await store.releaseStep(lease, { entered: true, delayMs: 0 }), first)
      assert.equal((await reader.listAttempts(runId)).length, 1)
    },
    'a step is never rung twice under one key': async (world) => {
      const { store } = world
      const { runId, wake } = await parked(store, [rpc('a'), rpc('b')])
      const [a, b] = await Promise.all(['a', 'b'].map((name) => claimStep(store, runId, name, { leaseMs: minute })))
      assert.ok(a && b)
      await world.advance(2 * minute)
      // Rung for a successor, but the holders are still there.
      const { items } = await store.sweep(sweepAsk())
      const released = await store.releaseStep(a.lease, { entered: false, delayMs: 0 })
      const retried = await store.settleStep(b.lease, retry(0))
      await world.advance(minute)
      const again = await store.sweep(sweepAsk())
      const rung = stepItems([...wake, ...items, ...released.wake, ...(retried?.wake ?? []), ...again.items])
      const keys = rung.map(({ step, attempt, dispatch }) => `${step.name} ${attempt} ${dispatch}`)
      assert.equal(keys.length, 8)
      assert.equal(new Set(keys).size, 8, keys.join(', '))
    },
    'a superseded or ended lease gives nothing back': async (world) => {
      const { store, reader } = world
      const { runId } = await parked(store, [rpc('a'), rpc('b')])
      const old = await claimStep(store, runId, 'a', { leaseMs: minute })
      const settled = await claimStep(store, runId, 'b', { leaseMs: hour })
      await store.settleStep(settled.lease, succeeded())
      await world.advance(2 * minute)
      await claimStep(store, runId, 'a', { leaseMs: hour })
      const cancelled = await parked(store, [rpc('c')])
      const ended = await claimStep(store, cancelled.runId, 'c')
      await store.cancelRun(cancelled.runId, 'enough')
      const unknown = { ...old.lease, runId: 'nobody' }
      for (const lease of [old.lease, settled.lease, ended.lease, unknown]) {
        assert.deepEqual(await store.releaseStep(lease, { entered: false, delayMs: 0 }), { wake: [] })
      }
      const steps = await reader.listSteps(runId)
      assert.deepEqual(
        steps.map(({ status, attempt }) => [status, attempt]),
        [
          ['running', 2],
          ['succeeded', 1],
        ],
      )
      assert.deepEqual(namesOf(steps), ['a', 'b'])
    },
    'a release does not wake the run': async ({ store }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease, history } = await claim(store, runId)
      const step = await claimStep(store, runId, 'a')
      await store.releaseStep(step.lease, { entered: true, delayMs: 0 })
      isReleased(await store.commitRun(lease, turn({ after: history.revision, next: park(history) })))
    },
  },
}
