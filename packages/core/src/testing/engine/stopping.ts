import assert from 'node:assert/strict'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'
import { door, pause, until } from './until.ts'

const echo: NonNullable<TestApp['functions']> = { echo: (_services, data: unknown) => data }

export const stopScenarios: ScenarioGroup = {
  name: 'stop',
  scenarios: {
    'A16: parked runs and runs between steps go on elsewhere at once, no attempt is lost': async (world) => {
      const app: TestApp = {
        functions: {
          ...echo,
          slow: async (_services, n: number) => {
            await pause(n)
            return n
          },
        },
        workflows: {
          order: async ({ workflow }, n: number) => {
            let sum = 0
            for (let i = 0; i < 10; i += 1) {
              sum += await workflow.do<number>('rpc', 'slow', n % 5)
              sum += await workflow.do('here', () => pause(n % 3).then(() => 1))
              await workflow.sleep('nap', 3)
            }
            return sum
          },
        },
      }
      let current = await world.process(app)
      const runIds = await Promise.all(Array.from({ length: 12 }, (_, n) => current.begin('order', n)))
      for (let deploy = 0; deploy < 4; deploy += 1) {
        await pause(30)
        const next = await world.process(app)
        await current.close()
        current = next
      }
      for (const [n, runId] of runIds.entries()) {
        assert.deepEqual(await current.end(runId), { kind: 'completed', output: 10 * (n % 5) + 10 })
        const history = await current.history(runId)
        assert.ok(
          history.every(({ status }) => status === 'succeeded'),
          'a stop is not a crash',
        )
      }
    },
    'A16: what is given back is taken by another at once, not when it would be dispatched again': async (world) => {
      world.expectRoughness()
      const timing = { redispatchAfterMs: 60_000, leaseMs: 60_000, sweepMs: 200 }
      const entered = door()
      const app: TestApp = {
        functions: {
          stubborn: async ({ workflowStep }) => {
            if (workflowStep.attemptCount > 1) return 'second worker'
            entered.open()
            return new Promise(() => undefined)
          },
        },
        workflows: {
          between: async ({ workflow }) => {
            for (let i = 0; i < 200; i += 1) await workflow.do('here', () => pause(2))
            return 'through'
          },
          parked: async ({ workflow }) => workflow.sleep('nap', 100).then(() => 'awake'),
          within: async ({ workflow }) => workflow.do('stubborn', 'stubborn'),
        },
      }
      const first = await world.process(app, { timing })
      const runIds = await Promise.all(['between', 'parked', 'within'].map((name) => first.begin(name)))
      await entered.opened
      const second = await world.process(app, { timing })
      await first.close({ graceMs: 0 })
      // Far less than the minute after which it would be dispatched again.
      const ends = await Promise.all(runIds.map((runId) => second.end(runId, 15_000)))
      assert.deepEqual(
        ends.map((end) => end.kind === 'completed' && end.output),
        ['through', 'awake', 'second worker'],
      )
    },
    'a stop waits for steps that execute, not for those that have not begun': async (world) => {
      let enough = false
      const app: TestApp = {
        functions: echo,
        workflows: {
          loops: async ({ workflow }) => {
            let rounds = 0
            while (!(await workflow.do('enough', () => pause(2).then(() => enough)))) rounds += 1
            return rounds > 0
          },
        },
      }
      const first = await world.process(app)
      const runId = await first.begin('loops')
      await until('it loops', async () => (await first.history(runId)).length > 2)
      const began = performance.now()
      await first.close({ graceMs: 30_000 })
      assert.ok(performance.now() - began < 5_000)
      enough = true
      const second = await world.process(app)
      assert.deepEqual(await second.end(runId), { kind: 'completed', output: true })
    },
    'an executing step returns within the grace: recorded, never run again': async (world) => {
      const entered = door()
      const inside = door()
      const app: TestApp = {
        functions: {
          slow: async () => {
            entered.open()
            await inside.opened
            return 'finished'
          },
        },
        workflows: {
          order: async ({ workflow }) => [await workflow.do('slow', 'slow'), await workflow.do('b', () => 'b')],
        },
      }
      const first = await world.process(app)
      const runId = await first.begin('order')
      await entered.opened
      const closing = first.close({ graceMs: 5_000 })
      const second = await world.process(app)
      await pause(50)
      inside.open()
      await closing
      assert.deepEqual(await second.end(runId), { kind: 'completed', output: ['finished', 'b'] })
      assert.deepEqual(await second.attempts(runId), ['slow 1 succeeded', 'b 1 succeeded'])
    },
    'an executing inline step returns within the grace: recorded, never run again': async (world) => {
      const entered = door()
      const inside = door()
      const app: TestApp = {
        functions: echo,
        workflows: {
          order: async ({ workflow }) => {
            const slow = await workflow.do('slow', async () => {
              entered.open()
              await inside.opened
              return 'finished'
            })
            return [slow, await workflow.do('b', 'echo', 'b')]
          },
        },
      }
      const first = await world.process(app)
      const runId = await first.begin('order')
      await entered.opened
      const closing = first.close({ graceMs: 5_000 })
      await pause(30)
      inside.open()
      await closing
      const second = await world.process(app)
      assert.deepEqual(await second.end(runId), { kind: 'completed', output: ['finished', 'b'] })
      assert.deepEqual(await second.attempts(runId), ['slow 1 succeeded', 'b 1 succeeded'])
    },
    'past the grace the signal aborts and the step is given back': async (world) => {
      world.expectRoughness()
      const entered = door()
      let told = false
      const app: TestApp = {
        functions: {
          stubborn: async ({ workflowStep }) => {
            if (workflowStep.attemptCount > 1) return 'second worker'
            workflowStep.signal.addEventListener('abort', () => (told = true))
            entered.open()
            return new Promise(() => undefined)
          },
          heeds: async ({ workflowStep }) => {
            await new Promise((resolve) => workflowStep.signal.addEventListener('abort', resolve))
            return 'heeded'
          },
          'gives up': async ({ workflowStep }) => {
            if (workflowStep.attemptCount > 1) return 'again'
            return new Promise((_resolve, reject) => {
              workflowStep.signal.addEventListener('abort', () => reject(new Error('told to stop')))
            })
          },
        },
        workflows: {
          order: async ({ workflow }) =>
            Promise.all([
              workflow.do('stubborn', 'stubborn'),
              workflow.do('heeds', 'heeds'),
              workflow.do('gives up', 'gives up'),
            ]),
        },
      }
      const first = await world.process(app)
      const runId = await first.begin('order')
      await entered.opened
      await until('all run', () => first.seen('step-started').length === 3)
      const second = await world.process(app)
      const began = performance.now()
      await first.close({ graceMs: 60 })
      assert.ok(performance.now() - began < 2_000, 'closing does not wait for a step that does not')
      assert.ok(told)
      assert.deepEqual(await second.end(runId), { kind: 'completed', output: ['second worker', 'heeded', 'again'] })
      const history = (await second.history(runId)).filter(({ stepName }) => stepName === 'stubborn')
      assert.deepEqual(
        history.map(({ status, error }) => [status, error?.code]),
        [
          ['failed', 'ATTEMPT_LOST'],
          ['succeeded', undefined],
        ],
      )
    },
    'a body that awaits something outside holds nobody up': async (world) => {
      world.expectRoughness()
      let first = true
      const app: TestApp = {
        functions: echo,
        workflows: {
          order: async ({ workflow }) => {
            if (first) {
              first = false
              await new Promise(() => undefined)
            }
            return workflow.do('a', 'echo', 'on the second try')
          },
        },
      }
      const one = await world.process(app)
      const runId = await one.begin('order')
      await until('it waits outside', () => one.seen('waiting-outside').length > 0)
      const two = await world.process(app)
      const began = performance.now()
      await one.close()
      assert.ok(performance.now() - began < 1_000)
      assert.deepEqual(await two.end(runId), { kind: 'completed', output: 'on the second try' })
    },
    'closing with the store away does not hang': async (world) => {
      world.expectRoughness()
      const entered = door()
      const inside = door()
      const app: TestApp = {
        functions: {
          slow: async () => {
            entered.open()
            await inside.opened
            return 1
          },
        },
        workflows: { order: async ({ workflow }) => workflow.do('slow', 'slow') },
      }
      const worker = await world.process(app)
      await worker.begin('order')
      await entered.opened
      worker.gate.fault = (name, call) => (name.startsWith('store.') ? Promise.reject(unavailable(name)) : call())
      inside.open()
      await until('it tried to settle', () => worker.seen('trouble').length > 0)
      const began = performance.now()
      await worker.close({ graceMs: 100 })
      assert.ok(performance.now() - began < 4_000)
    },
    'closing twice, before anything ran, or while starting is closing': async (world) => {
      const app: TestApp = { functions: echo, workflows: { order: async () => 1 } }
      const idle = await world.process(app)
      await Promise.all([idle.service.close(), idle.close()])
      const busy = await world.process(app)
      assert.equal(await busy.output('order'), 1)
      await busy.close()
      await busy.service.close()
    },
  },
}

function unavailable(name: string): Error {
  return Object.assign(new Error(`${name}: away`), { code: 'STORE_UNAVAILABLE' })
}
