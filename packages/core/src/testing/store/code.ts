import assert from 'node:assert/strict'
import type { WorkflowStore } from '../../contract/index.ts'
import {
  claim,
  claimAsk,
  claimStep,
  isReleased,
  minute,
  newRun,
  parked,
  rpc,
  runIdsOf,
  stepAsk,
  sweepAsk,
  turn,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

const withCode = (codeHash: string): { known: { name: string; codeHash: string }[] } => ({
  known: [{ name: 'order', codeHash }],
})

async function diverge(store: WorkflowStore, runId: string, codeHash: string): Promise<void> {
  const { lease, history } = await claim(store, runId, withCode(codeHash))
  const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: `diverged on ${codeHash}`, codeHash } as const
  isReleased(await store.commitRun(lease, turn({ codeHash, next })))
}

export const codeTests: StoreTestGroup = {
  name: 'changed code',
  tests: {
    'F62 A23: a run suspended for some code goes on with other code': async ({ store, reader }) => {
      const { runId } = await parked(store, [rpc('a')])
      await diverge(store, runId, 'bad')
      const run = await reader.getRun(runId)
      assert.deepEqual([run?.status, run?.reason], ['suspended', 'diverged on bad'])
      assert.equal(await store.claimRun(claimAsk(runId, withCode('bad'))), null)
      const { history } = await claim(store, runId, withCode('good'))
      assert.deepEqual([history.run.status, history.run.reason], ['running', null])
      await claimStep(store, runId, 'a')
    },
    'A23: no code it diverged with may claim it again, until it is resumed': async ({ store }) => {
      const { run } = await store.createRun(newRun())
      await diverge(store, run.runId, 'one')
      await diverge(store, run.runId, 'two')
      for (const hash of ['one', 'two']) assert.equal(await store.claimRun(claimAsk(run.runId, withCode(hash))), null)
      const { lease, history } = await claim(store, run.runId, withCode('three'))
      isReleased(await store.commitRun(lease, turn({ next: { kind: 'park', wakeSeq: history.wakeSeq } })))
      assert.equal(await store.claimRun(claimAsk(run.runId, withCode('one'))), null)
      await store.signalRun({ kind: 'resume', runId: run.runId })
      await claim(store, run.runId, withCode('one'))
    },
    'A23: the sweep of a worker with other code finds it; that of the code that failed does not': async (world) => {
      const { store } = world
      const { run } = await store.createRun(newRun())
      await diverge(store, run.runId, 'bad')
      await world.advance(10 * minute)
      assert.deepEqual(await store.sweep(sweepAsk(withCode('bad'))), { items: [], full: false, nextDueInMs: null })
      assert.deepEqual(runIdsOf((await store.sweep(sweepAsk(withCode('good')))).items), [run.runId])
    },
    'A18: it is suspended even when it was woken meanwhile': async ({ store, reader }) => {
      const { runId } = await parked(store, [rpc('a')])
      const { lease, history } = await claim(store, runId)
      const step = await claimStep(store, runId, 'a')
      await store.settleStep(step.lease, { kind: 'succeeded', output: '"A"', durationMs: 1 })
      const next = { kind: 'suspend', wakeSeq: history.wakeSeq, reason: 'diverged', codeHash: 'code-1' } as const
      isReleased(await store.commitRun(lease, turn({ next })))
      assert.equal((await reader.getRun(runId))?.status, 'suspended')
      const again = await claim(store, runId, withCode('good'))
      assert.deepEqual(
        again.history.steps.map(({ output }) => output),
        ['"A"'],
      )
    },
    'its open steps are neither rung nor claimed meanwhile': async (world) => {
      const { store } = world
      const { runId } = await parked(store, [rpc('a')])
      await diverge(store, runId, 'bad')
      await world.advance(10 * minute)
      assert.deepEqual((await store.sweep(sweepAsk(withCode('bad')))).items, [])
      assert.equal(await store.claimStep(stepAsk(runId, 'a')), null)
      await store.signalRun({ kind: 'resume', runId })
      await claimStep(store, runId, 'a')
    },
  },
}
