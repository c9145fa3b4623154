import assert from 'node:assert/strict'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'
import type { TestProcess } from './test-process.ts'

const app: TestApp = {
  functions: { add: (_services, n: number) => n + 1 },
  workflows: {
    fan: async ({ workflow }, n: number) => {
      const all = await Promise.all(Array.from({ length: n }, (_, i) => workflow.do<number>('member', 'add', i)))
      return all.reduce((sum, one) => sum + one, 0)
    },
    fanHere: async ({ workflow }, n: number) => {
      const all = await Promise.all(Array.from({ length: n }, (_, i) => workflow.do('member', () => i + 1)))
      return all.reduce((sum, one) => sum + one, 0)
    },
    chain: async ({ workflow }, n: number) => {
      let sum = 0
      for (let i = 0; i < n; i += 1)
        sum = i % 20 === 0 ? await workflow.do<number>('rpc', 'add', sum) : await workflow.do('here', () => sum + 1)
      return sum
    },
    ten: async ({ workflow }) => {
      let sum = 0
      for (let i = 0; i < 10; i += 1) sum = await workflow.do<number>('s', 'add', sum)
      return sum
    },
  },
}

/** The step rows that claims and commits hand over from now on. */
function countRows({ gate }: TestProcess): () => number {
  let rows = 0
  gate.fault = async (name, call) => {
    const answer = await call()
    if (name === 'store.commitRun' || name === 'store.claimRun') {
      const { steps, history } = (answer ?? {}) as { steps?: unknown[]; history?: { steps: unknown[] } }
      rows += (steps ?? history?.steps ?? []).length
    }
    return answer
  }
  return () => rows
}

const sumTo = (n: number): number => (n * (n + 1)) / 2

export const loadScenarios: ScenarioGroup = {
  name: 'load',
  scenarios: {
    'A25: 50 and 500 steps at once, rpc and inline': async (world) => {
      const worker = await world.process(app)
      for (const n of [50, 500]) {
        assert.equal(await worker.output('fan', n), sumTo(n))
        assert.equal(await worker.output('fanHere', n), sumTo(n))
      }
      const rows = countRows(worker)
      assert.equal(await worker.output('chain', 200), 200)
      // A5: own records come back as their places alone, and nothing is handed over twice: ten rpc steps are all there is,
      // scheduled, running and settled.
      assert.ok(rows() <= 40, `${rows()} rows were handed over for 190 inline steps and 10 others`)
    },
    'F56: a run of 1,000 steps, taken over by another process half way': async (world) => {
      const first = await world.process(app)
      const started = performance.now()
      const runId = await first.begin('chain', 1_000)
      await first.close()
      const second = await world.process(app)
      assert.deepEqual(await second.end(runId, 30_000), { kind: 'completed', output: 1_000 })
      assert.ok(performance.now() - started < 30_000)
    },
    'F43, F54: more runs at once than there are places': async (world) => {
      const worker = await world.process(app, { concurrency: { turns: 3, steps: 2 } })
      const runIds = await Promise.all(Array.from({ length: 30 }, () => worker.begin('ten')))
      for (const runId of runIds) assert.deepEqual(await worker.end(runId), { kind: 'completed', output: 10 })
    },
  },
}
