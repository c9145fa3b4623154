import assert from 'node:assert/strict'
import { WorkflowError } from '../../contract/index.ts'
import type { StepId, StorePorts } from '../../contract/index.ts'
import {
  claim,
  claimAsk,
  completed,
  failed,
  freshId,
  hold,
  inline,
  newRun,
  park,
  parked,
  retry,
  rpc,
  stepAsk,
  stepItems,
  succeeded,
  suspend,
  sweepAsk,
  turn,
} from './given.ts'
import type { StoreTestGroup } from './world.ts'

/** Texts that are easily taken for one another, or for something of the store's own. */
const oddNames = [
  ...['step', 'Step', 'STEP', ' step', 'step ', ''],
  ...['e\u0301', '\u00e9', '\ufeffstep', '日本 👩‍👩‍👧', 'ß', 'ss'],
  ...['a:1', 'a', '1:a', '0 a', 'a 0', 'a/1', '1', '0', '-1', 'null', '__proto__', 'constructor'],
  ...[`'; drop table runs; --`, '%_*?[]', '{x}', '\\', '"', '\u0001\n\t\u007f\u2028', 'x'.repeat(200)],
]

const steps: readonly StepId[] = oddNames.flatMap((name) => [0, 1, 10].map((ordinal) => ({ name, ordinal })))

function keyOf({ name, ordinal }: StepId): string {
  return JSON.stringify([name, ordinal])
}

const large = 'é😀"\\'.repeat(2 ** 21 / 10)

export const nameAndSizeTests: StoreTestGroup = {
  name: 'names and sizes',
  tests: {
    'F21: steps are told apart by every character of their names': async ({ store, reader }) => {
      const plans = steps.map((id) => ({ ...rpc('any'), id, input: keyOf(id) }))
      const { runId, wake } = await parked(store, plans)
      assert.deepEqual(
        stepItems(wake).map(({ step }) => step),
        steps,
      )
      for (const step of steps) {
        const claimed = await store.claimStep({ ...stepAsk(runId, 'any'), step })
        assert.deepEqual([claimed?.lease.step, claimed?.input], [step, keyOf(step)])
        assert.ok(claimed && (await store.settleStep(claimed.lease, succeeded(keyOf(step)))))
      }
      for (const step of await reader.listSteps(runId)) assert.equal(step.output, keyOf(step.id))
      const attempts = await reader.listAttempts(runId)
      assert.deepEqual(
        attempts.map(({ step }) => step),
        steps,
      )
    },
    'F21: so are inline steps, and suspend steps with their signals': async ({ store, reader }) => {
      const { run } = await store.createRun(newRun())
      const { lease } = await claim(store, run.runId)
      const record = steps.map((id) => inline('any', succeeded(keyOf(id)), { id }))
      await hold(store, lease, { record })
      for (const step of await reader.listSteps(run.runId)) assert.equal(step.output, keyOf(step.id))
      const waiting = await parked(
        store,
        oddNames.map((name) => suspend(name)),
      )
      for (const name of oddNames.toReversed()) {
        const signal = { kind: 'signal', runId: waiting.runId, signalId: name, name, payload: `for ${name}` } as const
        assert.equal((await store.signalRun(signal)).accepted, true, name)
        assert.equal((await store.signalRun(signal)).accepted, false, name)
      }
      for (const { id, output } of await reader.listSteps(waiting.runId)) assert.equal(output, `for ${id.name}`)
    },
    'workflows, functions, owners, code and reasons are any text too': async ({ store, reader }) => {
      for (const name of oddNames) {
        const { run } = await store.createRun(newRun({ workflow: name, tags: [name] }))
        const known = [{ name, codeHash: name }]
        const { lease, history } = await claim(store, run.runId, { owner: name, known })
        assert.equal(lease.owner, name)
        const next = park(history)
        await store.commitRun(lease, turn({ codeHash: name, schedule: [rpc('a', { rpcName: name })], next }))
        const claimed = await store.claimStep(stepAsk(run.runId, 'a', { owner: name, known: [name] }))
        assert.deepEqual([claimed?.rpcName, claimed?.workflow], [name, name])
        const again = await claim(store, run.runId, { known })
        const suspend = { kind: 'suspend', wakeSeq: again.history.wakeSeq, reason: name, codeHash: name } as const
        await store.commitRun(again.lease, turn({ codeHash: name, next: suspend }))
        assert.equal(await store.claimRun(claimAsk(run.runId, { known })), null)
        const { runs } = await reader.listRuns({ workflow: name, tags: [name], limit: 9 })
        assert.deepEqual(
          runs.map(({ runId, reason }) => [runId, reason]),
          [[run.runId, name]],
        )
      }
    },
    'two megabytes are kept wherever a payload may be': async ({ store, reader }) => {
      const plans = ['a', 'b', 'c'].map((name) => rpc(name, { input: large }))
      const { runId } = await parked(store, plans)
      for (const outcome of [succeeded(large), failed(large), retry(0, large)]) {
        const claimed = await store.claimStep(stepAsk(runId, plans.shift()?.id.name ?? ''))
        assert.ok(claimed?.input === large)
        assert.ok(await store.settleStep(claimed.lease, outcome))
      }
      await store.signalRun({ kind: 'signal', runId, signalId: freshId('signal'), name: 'd', payload: large })
      const { lease } = await claim(store, runId)
      await hold(store, lease, {
        record: [inline('e', succeeded(large)), inline('f', failed(large))],
        schedule: [suspend('d')],
      })
      await store.commitRun(lease, turn({ number: 2, next: { kind: 'complete', output: large } }))
      const kept = (await reader.listSteps(runId)).map(({ output, error }) => (output ?? error) === large)
      assert.deepEqual(kept, [true, true, true, true, true, true])
      assert.ok((await reader.getRun(runId))?.output === large)
    },
  },
}

/** What is asked of a store after its end. */
const calls: readonly ((ports: StorePorts, runId: string) => Promise<unknown>)[] = [
  ({ store }) => store.createRun(newRun()),
  ({ store }, runId) => store.claimRun(claimAsk(runId)),
  ({ store }, runId) => store.claimStep(stepAsk(runId, 'a')),
  ({ store }, runId) => store.readChanges(runId, 0),
  ({ store }, runId) => store.cancelRun(runId, 'late'),
  ({ store }) => store.sweep(sweepAsk()),
  ({ reader }, runId) => reader.getRun(runId),
]

export const closeTests: StoreTestGroup = {
  name: 'close',
  tests: {
    'a closed store says that it is not available; its siblings go on': async (world) => {
      const { store } = world
      const closed = await world.sibling()
      const runId = await completed(closed.store)
      await closed.store.close()
      await closed.store.close()
      for (const call of calls) {
        await assert.rejects(call(closed, runId), (error) => WorkflowError.is(error, 'STORE_UNAVAILABLE'))
      }
      assert.equal((await store.createRun(newRun({ runId }))).run.status, 'completed')
    },
  },
}
