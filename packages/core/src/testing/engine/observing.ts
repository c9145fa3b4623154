import assert from 'node:assert/strict'
import { RunNotFoundError, WorkflowError } from '../../contract/index.ts'
import type { WorkflowRun } from '../../define/index.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'
import { door, pause, until } from './until.ts'

const app: TestApp = {
  functions: { echo: (_services, data: unknown) => data },
  workflows: {
    order: async ({ workflow }, input: unknown) => workflow.do('a', 'echo', input),
    refund: async ({ workflow }) => {
      await workflow.do('a', 'echo', 1)
      throw new Error('refused')
    },
    sleeper: async ({ workflow }) => workflow.sleep('long', '1d'),
  },
  workflowOptions: { order: { tags: ['shop', 'eu'] } },
}

const unknownIds = [
  'no such run',
  'not-a-uuid',
  '',
  '01890a5d-ac96-774b-bcce-b302099a8057',
  "x'; drop table",
  'é'.repeat(300),
]

export const observeScenarios: ScenarioGroup = {
  name: 'observe',
  scenarios: {
    'F33: unknown ids, whatever their form': async (world) => {
      const { service } = await world.process(app)
      for (const id of unknownIds) {
        assert.equal(await service.getRun(id), null)
        assert.deepEqual(await service.getRunHistory(id), [])
        assert.deepEqual(await service.listSteps(id), [])
        const notFound = (error: unknown): boolean => error instanceof RunNotFoundError
        await assert.rejects(service.waitForRun(id, { timeout: 10_000 }), notFound)
        await assert.rejects(service.cancelRun(id), notFound)
        await assert.rejects(service.resumeRun(id), notFound)
        await assert.rejects(
          service.watchRun(id, () => undefined),
          notFound,
        )
      }
    },
    'waitForRun: pushed, to any number of waiters in any process, at any time': async (world) => {
      const timing = { watchPollMs: 60_000 }
      const worker = await world.process(app, { timing })
      const other = await world.process(app, { timing, works: false })
      const runId = await worker.begin('order', { n: 1 })
      const waiters = [worker, other, worker, other].map((one) => one.end(runId))
      for (const waiter of waiters) assert.deepEqual(await waiter, { kind: 'completed', output: { n: 1 } })
      assert.deepEqual(await other.end(runId), { kind: 'completed', output: { n: 1 } })
    },
    'waitForRun rejects as the workflow did, and when its time is over': async (world) => {
      const worker = await world.process(app)
      assert.equal((await worker.failure('refund')).message, 'refused')
      const runId = await worker.begin('sleeper')
      const began = performance.now()
      await assert.rejects(worker.service.waitForRun(runId, { timeout: '60ms' }), (error) =>
        WorkflowError.is(error, 'WAIT_TIMEOUT'),
      )
      assert.ok(performance.now() - began < 1_500)
      assert.equal(await worker.status(runId), 'running')
      await worker.service.cancelRun(runId)
      await assert.rejects(worker.service.waitForRun(runId), (error) => WorkflowError.is(error, 'RUN_CANCELLED'))
      await assert.rejects(worker.service.waitForRun(runId, { timeout: 'soon' }), (error) =>
        WorkflowError.is(error, 'INVALID_DURATION'),
      )
    },
    'the polling loop of the documentation works too': async (world) => {
      const worker = await world.process(app)
      const runId = await worker.begin('order', 'polled')
      let run = await worker.service.getRun(runId)
      while (run?.status === 'running') {
        await pause(5)
        run = await worker.service.getRun(runId)
      }
      assert.equal(run?.output, 'polled')
      assert.equal(run?.workflow, 'order')
      assert.ok(run.createdAt instanceof Date && run.endedAt instanceof Date && run.updatedAt instanceof Date)
    },
    'watchRun tells of now, of the end, and stops; a callback that throws harms nobody': async (world) => {
      world.troubled = true
      const inside = door()
      const worker = await world.process({
        ...app,
        workflows: { ...app.workflows, waits: async ({ workflow }) => workflow.do('a', () => inside.opened) },
      })
      const runId = await worker.begin('waits')
      const seen: WorkflowRun['status'][] = []
      const watching = await worker.service.watchRun(runId, (run) => {
        seen.push(run.status)
        throw new Error('the watcher broke')
      })
      const unwatched = await worker.service.watchRun(runId, () => assert.fail('stopped before it was told'))
      unwatched.stop()
      await until('it was told', () => seen.length > 0)
      inside.open()
      await watching.ended
      assert.equal(seen[0], 'running')
      assert.equal(seen.at(-1), 'completed')
    },
    'listRuns: by workflow, status, tags and time, in stable pages': async (world) => {
      const worker = await world.process(app)
      const orders: string[] = []
      for (let i = 0; i < 5; i += 1) orders.push(await worker.begin('order', i))
      const refund = await worker.begin('refund')
      const sleeper = await worker.begin('sleeper')
      for (const runId of [...orders, refund]) await worker.end(runId)
      const idsOf = async (which?: Parameters<typeof worker.service.listRuns>[0]): Promise<string[]> =>
        (await worker.service.listRuns(which)).runs.map(({ id }) => id)
      assert.deepEqual(await idsOf(), [sleeper, refund, ...orders.toReversed()])
      assert.deepEqual(await idsOf({ workflow: 'order' }), orders.toReversed())
      assert.deepEqual(await idsOf({ status: 'failed' }), [refund])
      assert.deepEqual((await idsOf({ status: ['failed', 'running'] })).sort(), [refund, sleeper].sort())
      assert.deepEqual(await idsOf({ tags: ['eu', 'shop'] }), orders.toReversed())
      assert.deepEqual(await idsOf({ tags: ['us'] }), [])
      assert.deepEqual(await idsOf({ createdAfter: new Date(Date.now() + 3_600_000) }), [])
      assert.equal((await idsOf({ createdBefore: new Date(Date.now() + 3_600_000) })).length, 7)
      const pages: string[] = []
      let cursor: string | null | undefined
      do {
        const page = await worker.service.listRuns({ workflow: 'order', limit: 2, ...(cursor ? { cursor } : {}) })
        pages.push(...page.runs.map(({ id }) => id))
        cursor = page.cursor
        await worker.end(await worker.begin('order', 'in between'))
      } while (cursor)
      assert.deepEqual(pages, orders.toReversed())
    },
    'F45: deleteRuns leaves no trace of ended runs and touches no others': async (world) => {
      const worker = await world.process(app)
      const ended = await worker.begin('order', 1)
      await worker.end(ended)
      const failed = await worker.begin('refund')
      await worker.end(failed)
      const open = await worker.begin('sleeper')
      const later = new Date(Date.now() + 3_600_000)
      assert.equal(await worker.service.deleteRuns({ finishedBefore: new Date(0) }), 0)
      assert.equal(await worker.service.deleteRuns({ finishedBefore: later, status: 'failed' }), 1)
      assert.equal(await worker.service.deleteRuns({ finishedBefore: later }), 1)
      assert.equal(await worker.service.getRun(ended), null)
      assert.deepEqual(await worker.history(ended), [])
      assert.deepEqual(await worker.service.listSteps(failed), [])
      assert.equal(await worker.status(open), 'running')
      await worker.service.cancelRun(open)
    },
    'an observer is told what happens; one that throws harms nobody': async (world) => {
      const kinds: string[] = []
      const observer = {
        onEvent: ({ kind }: { kind: string }) => {
          kinds.push(kind)
          throw new Error('the observer broke')
        },
      }
      const worker = await world.process(
        {
          ...app,
          functions: {
            ...app.functions,
            flaky: ({ workflowStep }) => workflowStep.attemptCount < 2 && Promise.reject(new Error('no')),
          },
          workflows: {
            ...app.workflows,
            retried: async ({ workflow }) => workflow.do('f', 'flaky', null, { retries: 1 }),
          },
        },
        { observer },
      )
      await worker.output('order', 1)
      await worker.output('retried')
      await worker.failure('refund')
      for (const kind of [
        'run-started',
        'run-parked',
        'step-started',
        'step-succeeded',
        'step-retried',
        'run-completed',
        'run-failed',
      ]) {
        assert.ok(kinds.includes(kind), `${kind} is among ${[...new Set(kinds)].join(' ')}`)
      }
    },
    'F61: history shows when and where each attempt ran, in the order they ended': async (world) => {
      const worker = await world.process(app)
      const before = Date.now()
      const runId = await worker.begin('order', 1)
      await worker.end(runId)
      const [entry] = await worker.history(runId)
      assert.ok(entry)
      assert.deepEqual([entry.stepName, entry.ordinal, entry.kind, entry.rpcName], ['a', 0, 'rpc', 'echo'])
      assert.ok(entry.worker && entry.worker.includes(String(process.pid)))
      for (const at of [entry.createdAt, entry.startedAt, entry.endedAt]) {
        assert.ok(at instanceof Date && Math.abs(at.getTime() - before) < 60_000)
      }
      assert.ok(entry.startedAt <= entry.endedAt)
    },
  },
}
