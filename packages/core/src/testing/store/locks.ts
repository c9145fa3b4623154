import assert from 'node:assert/strict'
import type { Lease, RunId } from '../../contract/index.ts'
import {
  claim,
  claimAsk,
  claimStep,
  hold,
  hour,
  inline,
  letThemWait,
  minute,
  namesOf,
  newRun,
  park,
  parked,
  retry,
  rpc,
  runItems,
  stepAsk,
  succeeded,
  sweepAsk,
  turn,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

const forStatementsToWait = 250

/** Fails rather than hangs when what ought not to wait does. */
async function soon<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message: `waited for a locked row: ${what}` })), 8_000)
  })
  try {
    return await Promise.race([promise, tooLate])
  } finally {
    clearTimeout(timer)
  }
}

export const lockTests: StoreTestGroup = {
  name: 'a locked run row',
  tests: {
    'claim while settling: a settlement is handed over, or not yet counted as read': async (world) => {
      const { store } = world
      const other = (await world.sibling()).store
      for (const claimFirst of [false, true]) {
        const { runId, revision } = await parked(store, [rpc('a')])
        const step = await claimStep(store, runId, 'a')
        const release = await world.lockRun(runId)
        const settle = (): Promise<unknown> => store.settleStep(step.lease, succeeded())
        const take = () => other.claimRun(claimAsk(runId, { after: revision }))
        const early = claimFirst ? undefined : settle()
        const claiming = take()
        await letThemWait(forStatementsToWait)
        const late = early ?? settle()
        await letThemWait(forStatementsToWait)
        await release()
        const [claimed] = await Promise.all([claiming, late])
        assert.ok(claimed && 'lease' in claimed)
        const { lease, history } = claimed
        const settled = history.steps.find(({ status }) => status === 'succeeded')
        const left = await other.commitRun(lease, turn({ after: history.revision, next: park(history) }))
        if (settled) assert.ok(left.released, 'what was handed over was read')
        else assert.deepEqual(left.released ? 'asleep for ever' : namesOf(left.steps), ['a'])
      }
    },
    'park while settling: refused, or the settlement rings': async (world) => {
      const { store } = world
      const other = (await world.sibling()).store
      for (const parkFirst of [false, true]) {
        const { runId } = await parked(store, [rpc('a')])
        const step = await claimStep(store, runId, 'a')
        const { lease, history } = await claim(other, runId)
        const release = await world.lockRun(runId)
        const leave = () => other.commitRun(lease, turn({ after: history.revision, next: park(history) }))
        const leavingEarly = parkFirst ? leave() : undefined
        if (parkFirst) await letThemWait(forStatementsToWait)
        const settling = store.settleStep(step.lease, succeeded())
        await letThemWait(forStatementsToWait)
        const leaving = leavingEarly ?? leave()
        await letThemWait(forStatementsToWait)
        await release()
        const [left, settled] = await Promise.all([leaving, settling])
        assert.ok(settled)
        if (left.released) assert.equal(runItems(settled.wake).filter(({ held }) => !held).length, 1)
        else assert.deepEqual(namesOf(left.steps), ['a'])
      }
    },
    'record while settling: no hole in what is handed over': async (world) => {
      const { store } = world
      const other = (await world.sibling()).store
      const { runId } = await parked(store, [rpc('a')])
      const step = await claimStep(store, runId, 'a')
      const { lease, history } = await claim(other, runId)
      const release = await world.lockRun(runId)
      const settling = store.settleStep(step.lease, succeeded())
      await letThemWait(forStatementsToWait)
      const recording = hold(other, lease, { after: history.revision, record: [inline('own')] })
      await letThemWait(forStatementsToWait)
      await release()
      const [held, settled] = await Promise.all([recording, settling])
      const own = held.recorded[0]?.settledSeq ?? 0
      const foreign = settled?.settledSeq ?? 0
      if (foreign < own) assert.deepEqual(namesOf(held.steps), ['a'], 'the earlier one is handed over with the later')
      else assert.equal((await hold(other, lease, { number: 2, after: held.revision })).steps.length, 1)
    },
    'A12: a deadline is counted from after the wait': async (world) => {
      const { store } = world
      const other = (await world.sibling()).store
      const { run } = await store.createRun(newRun())
      const { runId } = await parked(store, [rpc('a'), rpc('b')])
      const a = await claimStep(store, runId, 'a', { leaseMs: hour })
      const releases = [await world.lockRun(run.runId), await world.lockRun(runId)]
      const claiming = claim(store, run.runId, { leaseMs: 1_200 })
      const settling = store.settleStep(a.lease, retry(1_200))
      await letThemWait(1_600)
      await Promise.all(releases.map((release) => release()))
      const [claimed, settled] = await Promise.all([claiming, settling])
      assert.ok(settled)
      assert.equal(await other.claimRun(claimAsk(run.runId, { owner: 'thief' })), null, 'not born expired')
      assert.equal(claimed.history.run.crashes, 0)
      const step = (await world.reader.listSteps(runId)).find((one) => one.id.name === 'a')
      assert.ok(step?.dueInMs && step.dueInMs > 0, 'a retry delay is a minimum')
    },
    'A14: renewals skip it, and report it busy': async (world) => {
      const { store } = world
      const runs = await Promise.all(Array.from({ length: 50 }, () => store.createRun(newRun())))
      const leases = await Promise.all(runs.map(async ({ run }) => (await claim(store, run.runId)).lease))
      const locked = leases[17]
      assert.ok(locked)
      const release = await world.lockRun(locked.runId)
      try {
        const answer = await soon('renewLeases', store.renewLeases(leases, 10 * minute))
        assert.deepEqual([answer.lost, answer.busy.map(({ runId }) => runId)], [[], [locked.runId]])
      } finally {
        await release()
      }
      assert.deepEqual(await store.renewLeases(leases, 10 * minute), { lost: [], busy: [], woken: [] })
      await world.advance(5 * minute)
      assert.deepEqual((await store.sweep(sweepAsk())).items, [])
    },
    'A14: calls of other runs in the same event-loop turn do not wait for it': async (world) => {
      const { store } = world
      const runs = await Promise.all(Array.from({ length: 20 }, () => parked(store, [rpc('a')])))
      const [locked, ...free] = runs
      assert.ok(locked)
      const steps = await Promise.all(runs.map(({ runId }) => claimStep(store, runId, 'a')))
      const release = await world.lockRun(locked.runId)
      const settles = steps.map(({ lease }) => store.settleStep(lease, succeeded()))
      const claims = runs.map(({ runId }) => store.claimRun(claimAsk(runId)))
      try {
        assert.equal((await soon('settleStep', Promise.all(settles.slice(1)))).filter(Boolean).length, free.length)
        const claimed = await soon('claimRun', Promise.all(claims.slice(1)))
        const leases = claimed.flatMap((answer) => (answer && 'lease' in answer ? [answer.lease] : []))
        assert.equal(leases.length, free.length)
        await soon('commitRun', Promise.all(leases.map((lease) => hold(store, lease, { record: [inline('own')] }))))
        await soon('createRun', store.createRun(newRun()))
      } finally {
        await release()
      }
      assert.ok(await settles[0])
      assert.ok(await claims[0])
    },
    'whatever writes to it waits for it, and is not refused': async (world) => {
      const { store } = world
      const started = async (name: string): Promise<{ runId: RunId; lease: Lease }> => {
        const { runId } = await parked(store, [rpc(name)])
        return { runId, lease: (await claimStep(store, runId, name)).lease }
      }
      const free = async (): Promise<RunId> => (await parked(store, [rpc('a')])).runId
      const [toClaim, toClaimStep, toSignal, toResume, toCancel] = await Promise.all([
        free(),
        free(),
        free(),
        free(),
        free(),
      ])
      const [toSettle, toRelease] = await Promise.all([started('settled'), started('released')])
      const toCommit = (await claim(store, await free())).lease
      const signal = { kind: 'signal', runId: toSignal, signalId: 's', name: 'x', payload: '""' } as const
      const runIds = [
        toClaim,
        toClaimStep,
        toSignal,
        toResume,
        toCancel,
        toSettle.runId,
        toRelease.runId,
        toCommit.runId,
      ]
      const releases = await Promise.all(runIds.map((runId) => world.lockRun(runId)))
      const writes: Record<string, Promise<unknown>> = {
        claimRun: store.claimRun(claimAsk(toClaim)),
        claimStep: store.claimStep(stepAsk(toClaimStep, 'a')),
        signalRun: store.signalRun(signal).then(({ accepted }) => accepted),
        resume: store.signalRun({ kind: 'resume', runId: toResume }).then(({ accepted }) => accepted),
        cancelRun: store.cancelRun(toCancel, 'enough').then(({ cancelled }) => cancelled),
        settleStep: store.settleStep(toSettle.lease, succeeded()),
        releaseStep: store.releaseStep(toRelease.lease, { entered: false, delayMs: 0 }).then(({ wake }) => wake[0]),
        commitRun: store.commitRun(toCommit, turn({ record: [inline('own')] })),
      }
      const answered: string[] = []
      for (const [what, write] of Object.entries(writes)) void write.finally(() => answered.push(what))
      await letThemWait(forStatementsToWait)
      const early = [...answered]
      await Promise.all(releases.map((release) => release()))
      for (const [what, write] of Object.entries(writes)) assert.ok(await write, `${what} was not refused`)
      assert.deepEqual(early, [], 'nobody was answered before')
    },
    'a sweep does not wait for it': async (world) => {
      const { store } = world
      const [locked, free] = await Promise.all([store.createRun(newRun()), store.createRun(newRun())])
      await world.advance(minute)
      const release = await world.lockRun(locked.run.runId)
      try {
        const { items } = await soon('sweep', store.sweep(sweepAsk()))
        assert.ok(items.some(({ runId }) => runId === free.run.runId))
      } finally {
        await release()
      }
    },
  },
}
