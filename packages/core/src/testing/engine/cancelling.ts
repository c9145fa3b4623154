import assert from 'node:assert/strict'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'
import { door, pause, until } from './until.ts'

const functions: NonNullable<TestApp['functions']> = {
  echo: (_services, data: unknown) => data,
}

/** It is told: the next renewal would come much later. */
const told = { timing: { leaseMs: 60_000, watchPollMs: 60_000 } }

export const cancelScenarios: ScenarioGroup = {
  name: 'cancel',
  scenarios: {
    'T4: from inside, with a reason that catch and finally cannot undo': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          guarded: async ({ workflow }, value: number) => {
            await workflow.do('look', 'echo', value)
            try {
              if (value < 0) await workflow.cancel(`negative: ${value}`)
            } catch {
              world.ledger.note('caught')
              return 'undone'
            } finally {
              if (value < 0) world.ledger.note('finally')
            }
            return 'kept'
          },
        },
      })
      const runId = await app.begin('guarded', -5)
      const ended = await app.end(runId)
      assert.equal(ended.kind, 'cancelled')
      assert.equal(ended.kind === 'cancelled' && ended.error.code, 'RUN_CANCELLED')
      const run = await app.service.getRun(runId)
      assert.equal(run?.status, 'cancelled')
      assert.equal(run?.error?.message, 'negative: -5')
      assert.equal(run?.output, undefined)
      assert.deepEqual(world.ledger.notes(), [])
      assert.equal(await app.output('guarded', 5), 'kept')
    },
    'from inside, at once, in a branch or in an inline step, whatever else is open': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          first: async ({ workflow }) => workflow.cancel(),
          branch: async ({ workflow }) => {
            await Promise.all([
              workflow.sleep('long', '1d'),
              workflow.do('a', 'echo', 1).then(() => workflow.cancel('branch')),
            ])
          },
          step: async ({ workflow }) => {
            await workflow.do('inside', async () => workflow.cancel('step'))
          },
          afterReturn: async ({ workflow }) => {
            void workflow.do('a', 'echo', 1).then(() => workflow.cancel('after return'))
            return 'returned'
          },
        },
      })
      for (const [name, reason] of [
        ['first', 'cancelled by the workflow'],
        ['branch', 'branch'],
        ['step', 'step'],
        ['afterReturn', 'after return'],
      ] as const) {
        const runId = await app.begin(name)
        assert.equal((await app.end(runId)).kind, 'cancelled', name)
        assert.equal((await app.service.getRun(runId))?.error?.message, reason)
      }
    },
    'from outside: the running step is told, nothing after it happens': async (world) => {
      const entered = door()
      const left = door()
      const app = await world.process(
        {
          functions: {
            ...functions,
            long: async ({ workflowStep }) => {
              entered.open()
              await new Promise((resolve) => workflowStep.signal.addEventListener('abort', resolve))
              left.open()
              return 'too late'
            },
          },
          workflows: {
            works: async ({ workflow }) => {
              await workflow.do('long', 'long')
              world.ledger.note('went on')
            },
          },
        },
        told,
      )
      const runId = await app.begin('works')
      await entered.opened
      await app.service.cancelRun(runId, 'no longer wanted')
      const ended = await app.end(runId, 2_000)
      assert.equal(ended.kind, 'cancelled')
      await left.opened
      assert.equal((await app.service.getRun(runId))?.error?.message, 'no longer wanted')
      assert.deepEqual(await app.history(runId), [])
      await app.service.cancelRun(runId, 'again')
      assert.equal((await app.service.getRun(runId))?.error?.message, 'no longer wanted')
      assert.deepEqual(world.ledger.notes(), [])
      assert.equal(app.seen('step-succeeded').length, 0)
    },
    'from outside, by another process, while it sleeps, parks or runs an inline step': async (world) => {
      const entered = door()
      const inside = door()
      const app: TestApp = {
        functions,
        workflows: {
          sleeps: async ({ workflow }) => workflow.sleep('long', '1d'),
          works: async ({ workflow }) => {
            await workflow.do('here', async () => {
              entered.open()
              await inside.opened
              return 1
            })
            await workflow.do('after', () => world.ledger.note('went on'))
          },
        },
      }
      const worker = await world.process(app, told)
      const other = await world.process(app, { ...told, works: false })
      const sleeping = await worker.begin('sleeps')
      const working = await worker.begin('works')
      await entered.opened
      await until('it sleeps', async () => (await worker.service.listSteps(sleeping)).length === 1)
      await other.service.cancelRun(sleeping)
      await other.service.cancelRun(working, 'stop')
      assert.equal((await worker.end(sleeping, 2_000)).kind, 'cancelled')
      assert.equal((await worker.end(working, 2_000)).kind, 'cancelled')
      inside.open()
      await pause(30)
      assert.deepEqual(world.ledger.notes(), [])
      assert.deepEqual(await worker.history(working), [])
    },
    'an ended run is left as it ended': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          good: async ({ workflow }) => workflow.do('a', 'echo', 1),
          bad: async () => Promise.reject(new Error('bad')),
        },
      })
      for (const name of ['good', 'bad']) {
        const runId = await app.begin(name)
        await app.end(runId)
        const before = await app.service.getRun(runId)
        await app.service.cancelRun(runId, 'too late')
        await app.service.resumeRun(runId)
        assert.deepEqual(await app.service.getRun(runId), before)
      }
    },
  },
}
