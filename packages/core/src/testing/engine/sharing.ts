import assert from 'node:assert/strict'
import type { QueueService } from '../../contract/index.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { StepFunction, TestApp } from './test-app.ts'
import { pause, until } from './until.ts'

const echo: StepFunction = (_services, data: unknown) => data

/** As a step that computes does: nothing else happens in this process meanwhile. */
function standStill(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

/** The lease decides alone, and is short. */
const byLease = { leaseMs: 600, deathGraceMs: 60_000, sweepMs: 50, redispatchAfterMs: 100 } as const

export const sharingScenarios: ScenarioGroup = {
  name: 'several processes',
  scenarios: {
    'F5: a step longer than its lease keeps it: once here, never elsewhere': async (world) => {
      const app: TestApp = {
        functions: {
          long: async () => {
            world.ledger.note('rpc')
            await pause(1_300)
            return 'rpc'
          },
        },
        workflows: {
          order: async ({ workflow }) => {
            const here = workflow.do('here', async () => {
              world.ledger.note('inline')
              await pause(1_300)
              return 'inline'
            })
            return Promise.all([here, workflow.do('long', 'long')])
          },
        },
      }
      const worker = await world.process(app, { timing: byLease })
      await world.process(app, { timing: byLease })
      const runId = await worker.begin('order')
      assert.deepEqual(await worker.end(runId), { kind: 'completed', output: ['inline', 'rpc'] })
      assert.deepEqual([...world.ledger.notes()].sort(), ['inline', 'rpc'])
      assert.equal((await worker.history(runId)).length, 2)
    },
    'a process that stands still while it replays takes no code for changed': async (world) => {
      let entered = 0
      const app: TestApp = {
        functions: { echo, slow: () => pause(500) },
        workflows: {
          outside: async ({ workflow }) => {
            entered += 1
            await pause(10)
            if (entered > 1) standStill(900)
            await pause(10)
            await workflow.do('a', 'echo', 1)
            await workflow.do('b', 'slow')
            return 'fits'
          },
        },
      }
      const timing = { replayGraceMs: 600 }
      const first = await world.process(app, { timing })
      const runId = await first.begin('outside')
      await until('it has got to its second step', async () => (await first.service.listSteps(runId)).length === 2)
      await first.vanish()
      const second = await world.process(app, { timing })
      assert.deepEqual(await second.end(runId), { kind: 'completed', output: 'fits' })
      assert.deepEqual(second.seen('run-suspended'), [])
    },
    'replays that another process moved on, or that were dropped, change nothing (A4)': async (world) => {
      const app: TestApp = {
        functions: { echo },
        workflows: {
          long: async ({ workflow }) => {
            const seen: unknown[] = []
            for (let i = 0; i < 12; i += 1) {
              const pair = await Promise.all([
                workflow.do('rpc', 'echo', i),
                workflow.do('inline', () => i),
                workflow.sleep('nap', 3),
              ])
              seen.push(pair[0], pair[1])
            }
            return seen
          },
        },
      }
      const timing = { parkedRuns: 1 }
      const processes = [
        await world.process(app),
        await world.process(app, { timing }),
        await world.process(app, { timing: { parkedRuns: 0 } }),
      ]
      const runIds = await Promise.all(Array.from({ length: 12 }, (_, i) => processes[i % 3]!.begin('long')))
      const expected = Array.from({ length: 12 }, (_, i) => [i, i]).flat()
      for (const runId of runIds)
        assert.deepEqual(await processes[0]!.end(runId), { kind: 'completed', output: expected })
    },
    'F1–F4: several processes on the same runs, every item rung twice: each attempt once': async (world) => {
      const app: TestApp = {
        functions: {
          slow: async (_services, n: number) => {
            await pause(n % 20)
            return n
          },
        },
        workflows: {
          fan: async ({ workflow }, n: number) => {
            const all = await Promise.all([
              ...Array.from({ length: 6 }, (_, i) => workflow.do('s', 'slow', n * 7 + i)),
              workflow.do('inline', () => pause(15).then(() => -1)),
            ])
            return all.length
          },
        },
      }
      const doubled = { wrapQueue: doubling }
      const processes = [
        await world.process(app, doubled),
        await world.process(app, doubled),
        await world.process(app, doubled),
      ]
      const runIds = await Promise.all(Array.from({ length: 24 }, (_, i) => processes[i % 3]!.begin('fan', i)))
      for (const runId of runIds) {
        assert.deepEqual(await processes[0]!.end(runId), { kind: 'completed', output: 7 })
        // The world's check holds the ledger against it.
        assert.equal((await processes[0]!.history(runId)).length, 7)
      }
    },
    'F51: a message that names another function, attempt, step or workflow does what the store says, or nothing':
      async (world) => {
        if (world.mode === 'inline') return world.leaveOut('in inline mode there is no queue')
        const app: TestApp = {
          functions: { pay: () => world.ledger.note('pay'), refund: () => world.ledger.note('refund') },
          workflows: {
            order: async ({ workflow }) => workflow.do('pay', 'pay'),
            refunds: async ({ workflow }) => workflow.do('pay', 'refund'),
          },
        }
        const turns = await world.process(app, { only: 'orchestrator' })
        const runId = await turns.begin('order')
        await until('the step is scheduled', async () => (await turns.service.listSteps(runId)).length === 1)
        const step = { kind: 'step', runId, step: { name: 'pay', ordinal: 0 }, rpcName: 'pay', attempt: 1 } as const
        const forged = (dispatch: number): Promise<void> =>
          turns.ring([
            { ...step, rpcName: 'refund', dispatch },
            { ...step, attempt: 7, dispatch: dispatch + 1 },
            { ...step, step: { name: 'another', ordinal: 0 }, rpcName: 'refund', dispatch },
            { ...step, runId: 'no such run', rpcName: 'refund', dispatch },
            { kind: 'run', runId, workflow: 'refunds' },
            { kind: 'run', runId: 'no such run', workflow: 'refunds' },
          ])
        await forged(100)
        await world.process(app, { only: 'worker' })
        assert.equal((await turns.end(runId)).kind, 'completed')
        await forged(200)
        assert.equal((await turns.end(await turns.begin('order'))).kind, 'completed')
        assert.deepEqual(world.ledger.notes(), ['pay', 'pay'])
        assert.deepEqual(await turns.attempts(runId), ['pay 1 succeeded'])
      },
  },
}

function doubling(queue: QueueService): QueueService {
  return {
    ...queue,
    doorbell: (queues) => {
      const doorbell = queue.doorbell(queues)
      return { ring: (items) => doorbell.ring([...items, ...items]), answer: (...args) => doorbell.answer(...args) }
    },
  }
}
