import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { WorkflowError } from '../../contract/index.ts'
import type { FunctionOptions } from '../../define/index.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'
import { until } from './until.ts'

const app: TestApp = {
  functions: { echo: (_services, data: unknown) => data },
  workflows: {
    order: async ({ workflow }, input: unknown) => workflow.do('a', 'echo', input),
    orders: async () => 'another workflow',
    checked: async (_services, input: unknown) => input,
  },
  workflowOptions: { checked: { input: schema(isOrder), tags: ['checked'] } },
}

type Schema = NonNullable<FunctionOptions<unknown, unknown>['input']>

/** A Standard Schema by hand: the text of a number becomes a number. */
function schema(
  validate: (value: unknown) => { value: unknown } | { issues: { message: string; path?: string[] }[] },
): Schema {
  return { '~standard': { version: 1, vendor: 'test', validate } }
}

function isOrder(value: unknown): { value: unknown } | { issues: { message: string; path?: string[] }[] } {
  const amount = Number((value as { amount?: unknown } | null)?.amount)
  if (Number.isFinite(amount)) return { value: { amount } }
  return { issues: [{ message: 'must be a number', path: ['amount'] }] }
}

async function codeOf(asked: Promise<unknown>): Promise<string> {
  try {
    await asked
    return 'fulfilled'
  } catch (error) {
    return WorkflowError.is(error) ? error.code : String(error)
  }
}

export const startScenarios: ScenarioGroup = {
  name: 'start',
  scenarios: {
    'F63: the same id again is the same run, once': async (world) => {
      const worker = await world.process(app)
      const starts = await Promise.all(
        Array.from({ length: 8 }, () => worker.startRun('order', { n: 1 }, { runId: 'order:1 #ü' })),
      )
      assert.equal(starts.filter(({ created }) => created).length, 1)
      assert.ok(starts.every(({ runId }) => runId === 'order:1 #ü'))
      await worker.end('order:1 #ü')
      assert.deepEqual(await worker.startRun('order', { n: 1 }, { runId: 'order:1 #ü' }), {
        runId: 'order:1 #ü',
        created: false,
      })
      assert.equal((await worker.history('order:1 #ü')).length, 1)
    },
    'the same id for another input or workflow is a conflict': async (world) => {
      const worker = await world.process(app)
      await worker.startRun('order', { n: 1 }, { runId: 'id' })
      assert.equal(await codeOf(worker.startRun('order', { n: 2 }, { runId: 'id' })), 'RUN_CONFLICT')
      assert.equal(await codeOf(worker.startRun('orders', { n: 1 }, { runId: 'id' })), 'RUN_CONFLICT')
      assert.equal(await codeOf(worker.startRun('order', { n: 1 }, { runId: 'id' })), 'fulfilled')
    },
    'F63: bad input gets one clear error and leaves no run': async (world) => {
      const worker = await world.process(app, { maxPayloadBytes: 10_000 })
      const codes = [
        await codeOf(worker.startRun('ordr', {})),
        await codeOf(worker.startRun('order', () => 1)),
        await codeOf(worker.startRun('order', { big: 'x'.repeat(20_000) })),
        await codeOf(worker.startRun('checked', { amount: 'many' })),
        await codeOf(worker.startRun('order', {}, { runId: '' })),
        await codeOf(worker.startRun('order', {}, { runId: 'x'.repeat(201) })),
        await codeOf(worker.startRun('order', {}, { runId: 'a\0b' })),
      ]
      assert.deepEqual(codes.slice(0, 4), [
        'WORKFLOW_NOT_FOUND',
        'NOT_SERIALIZABLE',
        'PAYLOAD_TOO_LARGE',
        'INVALID_INPUT',
      ])
      assert.ok(
        codes.slice(4).every((code) => code === 'INVALID_NAME' || code === 'INVALID_INPUT'),
        codes.join(' '),
      )
      await assert.rejects(worker.startRun('ordr', {}), /'ordr'.*'order'/)
      await assert.rejects(worker.startRun('order', { user: { save: () => 1 } }), /user\.save/)
      await assert.rejects(worker.startRun('checked', { amount: 'many' }), /amount.*must be a number/)
      assert.deepEqual((await worker.service.listRuns()).runs, [])
    },
    'a schema makes the input; its tags are kept with the run': async (world) => {
      const worker = await world.process(app)
      const runId = await worker.begin('checked', { amount: '12' })
      assert.deepEqual(await worker.end(runId), { kind: 'completed', output: { amount: 12 } })
      assert.deepEqual((await worker.service.getRun(runId))?.tags, ['checked'])
    },
    'schemas stand on the step boundary too, and a misfit is not retried': async (world) => {
      const worker = await world.process({
        functions: { pay: (_services, data: unknown) => data, broken: () => ({ amount: 'no' }) },
        functionOptions: { pay: { input: schema(isOrder), retries: 3 }, broken: { output: schema(isOrder) } },
        workflows: {
          pays: async ({ workflow }) => workflow.do('pay', 'pay', { amount: '3' }),
          misfits: async ({ workflow }) => workflow.do('pay', 'pay', { amount: 'x' }),
          breaks: async ({ workflow }) => workflow.do('broken', 'broken'),
        },
      })
      // An attempt whose input misfits is one that never enters the function.
      world.rough = true
      assert.deepEqual(await worker.output('pays'), { amount: 3 })
      const runId = await worker.begin('misfits')
      const ended = await worker.end(runId)
      assert.equal(ended.kind === 'failed' && ended.error.code, 'INVALID_INPUT')
      assert.equal((await worker.history(runId)).length, 1)
      assert.equal((await worker.failure('breaks')).code, 'INVALID_OUTPUT')
    },
    'inline mode resolves when the run ended, however; with a queue at once': async (world) => {
      const worker = await world.process({
        workflows: {
          fails: async ({ workflow }) => {
            await workflow.sleep('a while', 80)
            throw new Error('no')
          },
        },
      })
      const { runId } = await worker.startRun('fails')
      assert.equal(await worker.status(runId), world.mode === 'inline' ? 'failed' : 'running')
      assert.equal((await worker.end(runId)).kind, 'failed')
    },
    'F11: a run whose start was never followed by a message is found': async (world) => {
      const worker = await world.process(app)
      const other = await world.process(app, { works: false })
      const input = await other.payloads.encode(7, 'the input')
      // As a process does that dies right after its insert: nothing is rung.
      await other.ports.store.createRun({
        runId: 'orphan',
        workflow: 'order',
        input: input.payload,
        inputDigest: input.digest,
        tags: [],
      })
      assert.deepEqual(await worker.end('orphan'), { kind: 'completed', output: 7 })
    },
    'a run started by a process without workers goes to one that has them': async (world) => {
      if (world.mode === 'inline') return world.leaveOut('in inline mode there is no queue')
      const producer = await world.process(app, { works: false })
      const { runId } = await producer.startRun('order', 1)
      await sleep(20)
      assert.equal(await producer.status(runId), 'running')
      const worker = await world.process(app)
      assert.deepEqual(await producer.end(runId), { kind: 'completed', output: 1 })
      assert.equal(worker.seen('step-succeeded').length, 1)
    },
    'each role may be a process of its own': async (world) => {
      if (world.mode === 'inline') return world.leaveOut('in inline mode there is no queue')
      const turns = await world.process(app, { only: 'orchestrator' })
      const steps = await world.process(app, { only: 'worker' })
      assert.equal(await turns.output('order', 'both'), 'both')
      assert.deepEqual([turns.seen('step-started').length, steps.seen('step-started').length], [0, 1])
      await until('parks are seen', () => turns.seen('run-parked').length > 0)
      assert.equal(steps.seen('run-parked').length, 0)
    },
  },
}
