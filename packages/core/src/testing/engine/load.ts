import assert from 'node:assert/strict'
import type { ScenarioGroup } from './scenario.ts'
import type { BodyServices, TestApp } from './test-app.ts'
import type { TestProcess } from './test-process.ts'
import { door, until } from './until.ts'

async function rpcChain(workflow: BodyServices['workflow'], n: number): Promise<number> {
  let sum = 0
  for (let i = 0; i < n; i += 1) sum = await workflow.do<number>('s', 'add', sum)
  return sum
}

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
    ten: async ({ workflow }) => rpcChain(workflow, 10),
    rpcChain: async ({ workflow }, n: number) => rpcChain(workflow, n),
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

/** What is asked of the store from now on, but for what happens as time goes by. */
function countCalls({ gate }: TestProcess): () => number {
  let calls = 0
  gate.fault = (name, call) => {
    if (/^(store|reader)\./.test(name) && !/^store\.(sweep|renewLeases)$|^reader\.getRun$/.test(name)) calls += 1
    return call()
  }
  return () => calls
}

const sumTo = (n: number): number => (n * (n + 1)) / 2

export const loadScenarios: ScenarioGroup = {
  name: 'load',
  scenarios: {
    'A5, A25: 50 and 500 steps at once, rpc and inline': async (world) => {
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
      const calls = countCalls(second)
      assert.deepEqual(await second.end(runId, 30_000), { kind: 'completed', output: 1_000 })
      assert.ok(performance.now() - started < 30_000)
      // A step costs its commit, an rpc step a claim and a settlement too; a claim of the whole history its pages.
      assert.ok(calls() <= 1_500, `${calls()} calls of the store for the rest of 1,000 steps`)
    },
    'F43, F54: more runs at once than there are places': async (world) => {
      const worker = await world.process(app, { concurrency: { turns: 3, steps: 2 } })
      const runIds = await Promise.all(Array.from({ length: 30 }, () => worker.begin('ten')))
      for (const runId of runIds) assert.deepEqual(await worker.end(runId), { kind: 'completed', output: 10 })
    },
    'F14, F43: long steps and sleeps hold up no other run of their process': async (world) => {
      const inside = door()
      const worker = await world.process({
        functions: { ...app.functions, long: () => inside.opened },
        workflows: {
          ...app.workflows,
          holds: async ({ workflow }) =>
            Promise.all([workflow.do('here', () => inside.opened), workflow.do('there', 'long')]),
          sleeps: async ({ workflow }) => workflow.sleep('long', '1d'),
        },
      })
      const held = await Promise.all([1, 2, 3].map(() => worker.begin('holds')))
      const asleep = await Promise.all([1, 2, 3].map(() => worker.begin('sleeps')))
      await until('each has a step', async () => {
        const steps = await Promise.all([...held, ...asleep].map((runId) => worker.service.listSteps(runId)))
        return steps.every(({ length }) => length > 0)
      })
      assert.equal(await worker.output('ten'), 10)
      for (const runId of [...held, ...asleep]) assert.equal(await worker.status(runId), 'running')
      inside.open()
      for (const runId of held) assert.equal((await worker.end(runId)).kind, 'completed')
      for (const runId of asleep) await worker.service.cancelRun(runId)
    },
    'A38: a run of many rpc steps leaves its place to its neighbours after each of them': async (world) => {
      const allThere = door()
      const add = async (_services: unknown, n: number): Promise<number> => allThere.opened.then(() => n + 1)
      const worker = await world.process({ ...app, functions: { add } }, { concurrency: { turns: 1, steps: 2 } })
      const long = await worker.begin('rpcChain', 60)
      const neighbours = await Promise.all([1, 2].map(() => worker.begin('ten')))
      allThere.open()
      for (const runId of neighbours) assert.deepEqual(await worker.end(runId), { kind: 'completed', output: 10 })
      assert.equal(await worker.status(long), 'running')
      assert.deepEqual(await worker.end(long), { kind: 'completed', output: 60 })
    },
  },
}
