import assert from 'node:assert/strict'
import type { QueueService } from '../../contract/index.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { StepFunction, TestApp } from './test-app.ts'
import { pause } from './until.ts'

const echo: StepFunction = (_services, data: unknown) => data

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
