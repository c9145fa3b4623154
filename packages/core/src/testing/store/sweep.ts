import assert from 'node:assert/strict'
import type { RunId } from '../../contract/index.ts'
import { pause } from '../engine/until.ts'
import {
  child,
  claim,
  claimStep,
  hour,
  isReleased,
  minute,
  newRun,
  park,
  parked,
  retry,
  rpc,
  runIdsOf,
  runItems,
  sleep,
  stepItems,
  succeeded,
  suspend,
  sweepAsk,
  turn,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

const second = 1_000

export const sweepTests: StoreTestGroup = {
  name: 'sweep',
  tests: {
    'an empty store has nothing to do and waits for nothing': async ({ store }) => {
      assert.deepEqual(await store.sweep(sweepAsk()), { items: [], full: false, nextDueInMs: null })
    },
    'F11: a run that nobody claimed is rung after the window, not before': async (world) => {
      const { run } = await world.store.createRun(newRun())
      assert.deepEqual((await world.store.sweep(sweepAsk())).items, [])
      await world.advance(15 * second)
      assert.deepEqual((await world.store.sweep(sweepAsk())).items, [
        { kind: 'run', runId: run.runId, workflow: 'order' },
      ])
      await claim(world.store, run.runId)
    },
    'F9: a step that nobody claimed is rung after the window, under a key of its own': async (world) => {
      const { runId, wake } = await parked(world.store, [rpc('a')])
      assert.deepEqual((await world.store.sweep(sweepAsk())).items, [])
      await world.advance(15 * second)
      const [first] = stepItems(wake)
      const [item] = stepItems((await world.store.sweep(sweepAsk())).items)
      assert.ok(first && item && item.dispatch !== first.dispatch)
      const step = { name: 'a', ordinal: 0 }
      assert.deepEqual(
        { ...item, dispatch: 0 },
        { kind: 'step', runId, step, rpcName: 'work', attempt: 1, dispatch: 0 },
      )
    },
    'A24: the window doubles with each dispatch': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a')])
      const { run } = await store.createRun(newRun())
      const rungAfter = async (ms: number): Promise<unknown> => {
        await world.advance(ms)
        const { items } = await store.sweep(sweepAsk())
        return [...runIdsOf(items), ...stepItems(items).map((item) => item.runId)]
      }
      assert.deepEqual(await rungAfter(14 * second), [run.runId, runId])
      assert.deepEqual(await rungAfter(14 * second), [])
      assert.deepEqual(await rungAfter(10 * second), [run.runId, runId])
      assert.deepEqual(await rungAfter(34 * second), [])
      assert.deepEqual(await rungAfter(10 * second), [run.runId, runId])
    },
    'A24: with the next claim the window begins anew': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a'), rpc('b')])
      const b = await claimStep(store, runId, 'b', { leaseMs: 50 * hour })
      await store.settleStep(b.lease, succeeded())
      for (let i = 0; i < 6; i += 1) {
        await world.advance(hour)
        assert.equal((await store.sweep(sweepAsk())).items.length, 2)
      }
      await store.settleStep((await claimStep(store, runId, 'a')).lease, retry(0))
      const { lease, history } = await claim(store, runId)
      isReleased(await store.commitRun(lease, turn({ after: history.revision, next: { kind: 'yield', delayMs: 0 } })))
      await world.advance(15 * second)
      const { items } = await store.sweep(sweepAsk())
      assert.deepEqual([runIdsOf(items), stepItems(items).length], [[runId], 1])
    },
    'A32: healthy work is left alone': async (world) => {
      const { store } = world
      const parent = newRun()
      const waits = await parked(
        store,
        [suspend('p'), sleep('s', 100 * hour), rpc('a'), child(parent.runId, 'c')],
        parent,
      )
      await claimStep(store, waits.runId, 'a', { leaseMs: 50 * hour })
      const { items: own } = await store.sweep(sweepAsk())
      assert.deepEqual(own, [])
      const [plan] = waits.wake.filter((item) => item.kind === 'run')
      const started = await claim(store, plan?.runId ?? '', { leaseMs: 50 * hour })
      const later = await parked(store, [rpc('b')])
      const step = await claimStep(store, later.runId, 'b')
      await store.settleStep(step.lease, retry(50 * hour))
      await world.advance(10 * hour)
      assert.deepEqual((await store.sweep(sweepAsk())).items, [])
      isReleased(await store.commitRun(started.lease, turn({ next: { kind: 'complete', output: '' } })))
    },
    'A17: a timer is rung when it is due, and the sweep says when the next one is': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [sleep('a', 10 * minute), sleep('b', hour)])
      const before = await store.sweep(sweepAsk())
      assert.deepEqual(before.items, [])
      assert.ok(before.nextDueInMs && before.nextDueInMs <= 10 * minute && before.nextDueInMs > 9 * minute)
      await world.advance(10 * minute + second)
      assert.deepEqual((await store.sweep(sweepAsk())).items, [{ kind: 'run', runId, workflow: 'order' }])
      assert.deepEqual((await store.sweep(sweepAsk())).items, [], 'stamped')
      await world.advance(15 * second)
      assert.deepEqual(runIdsOf((await store.sweep(sweepAsk())).items), [runId], 'rung again after the window')
      const { lease, history } = await claim(store, runId)
      isReleased(await store.commitRun(lease, turn({ after: history.revision, next: park(history) })))
      const after = await store.sweep(sweepAsk())
      assert.deepEqual(after.items, [])
      assert.ok(after.nextDueInMs && after.nextDueInMs > 45 * minute && after.nextDueInMs <= 50 * minute)
    },
    'a run that waits for a person still has its timers': async (world) => {
      const { store } = world
      const { run } = await store.createRun(newRun())
      const { lease, history } = await claim(store, run.runId)
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: null } as const
      isReleased(await store.commitRun(lease, turn({ schedule: [suspend('p'), sleep('s', minute)], next })))
      await world.advance(2 * minute)
      assert.deepEqual(runIdsOf((await store.sweep(sweepAsk())).items), [run.runId])
    },
    'a retry is rung when it is due': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a')])
      await store.settleStep((await claimStep(store, runId, 'a')).lease, retry(10 * minute))
      const { nextDueInMs } = await store.sweep(sweepAsk())
      assert.ok(nextDueInMs && nextDueInMs > 9 * minute && nextDueInMs <= 10 * minute)
      await world.advance(10 * minute + second)
      assert.deepEqual(
        stepItems((await store.sweep(sweepAsk())).items).map(({ attempt }) => attempt),
        [2],
      )
      assert.deepEqual((await store.sweep(sweepAsk())).items, [])
    },
    'a retry rings its step and not its run': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a')])
      await store.settleStep((await claimStep(store, runId, 'a')).lease, retry(10 * minute))
      const { lease, history } = await claim(store, runId)
      isReleased(await store.commitRun(lease, turn({ after: history.revision, next: park(history) })))
      await world.advance(10 * minute + second)
      const { items } = await store.sweep(sweepAsk())
      assert.deepEqual([runIdsOf(items), stepItems(items).length], [[], 1])
    },
    'F10: leases that ran out are found at once': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a'), rpc('b')])
      const { run } = await store.createRun(newRun())
      await claimStep(store, runId, 'a', { leaseMs: minute })
      await claimStep(store, runId, 'b', { leaseMs: hour })
      await claim(store, run.runId, { leaseMs: minute })
      const { items, nextDueInMs } = await store.sweep(sweepAsk())
      assert.deepEqual(items, [])
      assert.ok(nextDueInMs && nextDueInMs <= minute && nextDueInMs > 30 * second)
      await world.advance(minute + second)
      const swept = await store.sweep(sweepAsk())
      assert.deepEqual(runIdsOf(swept.items), [run.runId])
      assert.deepEqual(
        stepItems(swept.items).map(({ step, attempt }) => [step.name, attempt]),
        [['a', 2]],
      )
      assert.deepEqual((await store.sweep(sweepAsk())).items, [])
    },
    'two sweepers at once share the work': async (world) => {
      const { store } = world
      const runs = await Promise.all(Array.from({ length: 60 }, () => store.createRun(newRun())))
      await parked(
        store,
        Array.from({ length: 60 }, (_, i) => rpc(`s${i}`)),
      )
      await world.advance(15 * second)
      const stores = [store, (await world.sibling()).store, (await world.sibling()).store]
      const swept = await Promise.all(stores.map((one) => one.sweep(sweepAsk())))
      const items = swept.flatMap((one) => one.items)
      assert.deepEqual(runIdsOf(items), runs.map(({ run }) => run.runId).sort())
      assert.equal(new Set(stepItems(items).map(({ step }) => step.name)).size, stepItems(items).length)
      assert.equal(stepItems(items).length, 60)
    },
    'A31: each kind has its own limit, and a cut is told': async (world) => {
      const { store } = world
      for (let i = 0; i < 5; i += 1) await store.createRun(newRun())
      const { run: dead } = await store.createRun(newRun())
      await claim(store, dead.runId, { leaseMs: second })
      const { runId } = await parked(store, [rpc('a'), rpc('b'), rpc('c'), rpc('dead')])
      await claimStep(store, runId, 'dead', { leaseMs: second })
      await world.advance(15 * second)
      const first = await store.sweep(sweepAsk({ limit: 2 }))
      assert.equal(first.full, true)
      const dying = runItems(first.items).filter((item) => item.runId === dead.runId)
      assert.equal(dying.length, 1, 'a dead lease does not queue behind others')
      assert.equal(runItems(first.items).length, 3)
      assert.ok(stepItems(first.items).some(({ step }) => step.name === 'dead'))
      assert.equal(stepItems(first.items).length, 3)
      const second_ = await store.sweep(sweepAsk({ limit: 2 }))
      const third = await store.sweep(sweepAsk({ limit: 2 }))
      const all = [first, second_, third].flatMap(({ items }) => items)
      assert.equal(new Set(runIdsOf(all)).size, 6)
      assert.equal(new Set(stepItems(all).map(({ step }) => step.name)).size, 4)
      assert.equal(third.full, false)
    },
    'A31: children of an ended parent do not queue behind others': async (world) => {
      const { store } = world
      const given = newRun()
      const started = child(given.runId, 'c')
      await parked(store, [started], given)
      const { lease, history } = await claim(store, started.child.runId)
      isReleased(await store.commitRun(lease, turn({ schedule: [suspend('p')], next: park(history) })))
      for (let i = 0; i < 5; i += 1) await store.createRun(newRun())
      await world.advance(minute)
      await store.cancelRun(given.runId, 'enough')
      await world.advance(minute)
      const { items } = await store.sweep(sweepAsk({ limit: 2 }))
      assert.ok(runIdsOf(items).includes(started.child.runId))
    },
    'children beyond the limit do not wait longer with every page': async (world) => {
      const { store } = world
      const given = newRun()
      await parked(
        store,
        Array.from({ length: 9 }, (_, i) => child(given.runId, `c${i}`)),
        given,
      )
      const foreign = { known: [{ name: 'none', codeHash: 'x' }] } as const
      await store.cancelRun(given.runId, 'enough')
      let cancelled = 0
      for (let page = 0; page < 5; page += 1) {
        await world.advance(25 * second)
        for (const runId of runIdsOf((await store.sweep(sweepAsk({ ...foreign, limit: 2 }))).items))
          if ((await store.cancelRun(runId, 'parent ended')).cancelled) cancelled += 1
      }
      assert.equal(cancelled, 9)
    },
    'A23: a sweeper is given runs of workflows it has, and steps of any': async (world) => {
      const { store } = world
      await store.createRun(newRun({ workflow: 'foreign' }))
      const { run } = await store.createRun(newRun())
      const foreign = newRun({ workflow: 'foreign' })
      await store.createRun(foreign)
      const { lease, history } = await claim(store, foreign.runId, { known: [{ name: 'foreign', codeHash: 'x' }] })
      isReleased(await store.commitRun(lease, turn({ schedule: [rpc('a')], next: park(history) })))
      await world.advance(15 * second)
      const { items } = await store.sweep(sweepAsk())
      assert.deepEqual(runIdsOf(items), [run.runId])
      assert.equal(stepItems(items).length, 1)
    },
    'a run woken while held is not rung by the sweep': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a')])
      await claim(store, runId, { leaseMs: 10 * hour })
      await store.settleStep((await claimStep(store, runId, 'a')).lease, succeeded())
      await world.advance(hour)
      assert.deepEqual((await store.sweep(sweepAsk())).items, [])
    },
    'whatever woke a parked run, it is rung again until somebody claims it': async (world) => {
      const { store } = world
      const end = { kind: 'complete', output: '"O"' } as const
      const wakes: Record<string, (runId: RunId, childId: RunId) => Promise<unknown>> = {
        'a step': async (runId) => store.settleStep((await claimStep(store, runId, 'a')).lease, succeeded()),
        'a signal': (runId) => store.signalRun({ kind: 'signal', runId, signalId: 's', name: 'p', payload: '""' }),
        'a signal nobody waits for': (runId) =>
          store.signalRun({ kind: 'signal', runId, signalId: 's', name: 'x', payload: '""' }),
        'a resume': (runId) => store.signalRun({ kind: 'resume', runId }),
        'the end of a child': async (_, childId) =>
          store.commitRun((await claim(store, childId)).lease, turn({ next: end })),
        'a child that was cancelled': (_, childId) => store.cancelRun(childId, 'enough'),
      }
      for (const [what, wake] of Object.entries(wakes)) {
        const given = newRun()
        const started = child(given.runId, 'c')
        const { runId } = await parked(store, [rpc('a'), suspend('p'), started], given)
        const isRung = async (): Promise<boolean> => runIdsOf((await store.sweep(sweepAsk())).items).includes(runId)
        await wake(runId, started.child.runId)
        assert.equal(await isRung(), false, `${what}: it was rung just now`)
        await world.advance(15 * second)
        assert.equal(await isRung(), true, `${what}: nobody came`)
        const { lease, history } = await claim(store, runId)
        isReleased(await store.commitRun(lease, turn({ after: history.revision, next: park(history) })))
        await world.advance(hour)
        assert.equal(await isRung(), false, `${what}: somebody did`)
      }
    },
  },
}

export const deathTests: StoreTestGroup = {
  name: 'death by connection',
  tests: {
    'F10: an owner whose connection is gone for the grace loses its leases': async (world) => {
      const { store } = world
      if (!store.capabilities.noticesDeath) return
      const doomed = (await world.sibling()).store
      await doomed.enlist('doomed')
      await store.enlist('alive')
      const { runId } = await parked(store, [rpc('a'), rpc('b')])
      const { run } = await store.createRun(newRun())
      const old = await claim(doomed, run.runId, { owner: 'doomed', leaseMs: 50 * hour })
      await claimStep(doomed, runId, 'a', { owner: 'doomed', leaseMs: 50 * hour })
      await claimStep(store, runId, 'b', { owner: 'alive', leaseMs: 50 * hour })
      await store.sweep(sweepAsk())
      // Longer than the grace: a server that has just started misses nobody.
      await world.advance(2 * minute)
      assert.deepEqual((await store.sweep(sweepAsk())).items, [], 'the living keep their leases')
      await world.vanish('doomed')
      // A server may take a moment to see it go.
      for (let i = 0; i < 10; i += 1) {
        assert.deepEqual((await store.sweep(sweepAsk({ graceMs: minute }))).items, [], 'within the grace')
        await world.advance(second)
        await pause(20)
      }
      await world.advance(minute)
      const { items } = await store.sweep(sweepAsk({ graceMs: minute }))
      assert.deepEqual(runIdsOf(items), [run.runId])
      assert.deepEqual(
        stepItems(items).map(({ step }) => step.name),
        ['a'],
      )
      const heir = await claim(store, run.runId, { owner: 'alive' })
      assert.ok(heir.lease.epoch > old.lease.epoch)
      await claimStep(store, runId, 'a', { owner: 'alive' })
    },
    'an owner that enlists again within the grace keeps its leases': async (world) => {
      const { store } = world
      if (!store.capabilities.noticesDeath) return
      await store.enlist('alive')
      const first = (await world.sibling()).store
      await first.enlist('back again')
      const { run } = await store.createRun(newRun())
      await claim(first, run.runId, { owner: 'back again', leaseMs: 50 * hour })
      await first.close()
      assert.deepEqual((await store.sweep(sweepAsk({ graceMs: minute }))).items, [])
      await (await world.sibling()).store.enlist('back again')
      await world.advance(2 * minute)
      assert.deepEqual((await store.sweep(sweepAsk({ graceMs: minute }))).items, [])
    },
    'an owner that never enlisted keeps its lease until it runs out': async (world) => {
      const { store } = world
      const { run } = await store.createRun(newRun())
      await claim(store, run.runId, { owner: 'nobody', leaseMs: hour })
      await store.sweep(sweepAsk())
      await world.advance(10 * minute)
      assert.deepEqual((await store.sweep(sweepAsk())).items, [])
    },
  },
}
