import assert from 'node:assert/strict'
import { NonRetryableError, RetryableError } from '../../contract/index.ts'
import { Gate } from './gate.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { BodyServices, StepServices, TestApp } from './test-app.ts'
import { pause, until } from './until.ts'

class PaymentError extends Error {
  override readonly name = 'PaymentError'
  readonly code = 'E_DECLINED'
  readonly amount = 12n
}

/** The same step in both forms: an rpc step and an inline step, each with the n-th attempt's function. */
function bothForms(attempt: (n: number) => unknown, options: object): TestApp {
  return {
    functions: { tryIt: ({ workflowStep }: StepServices) => attempt(workflowStep.attemptCount) },
    workflows: {
      rpc: async ({ workflow }: BodyServices) => workflow.do('try', 'tryIt', null, options),
      inline: async ({ workflow }: BodyServices) => {
        let n = 0
        return workflow.do('try', () => attempt((n += 1)), options)
      },
    },
  }
}

const forms = ['rpc', 'inline'] as const

function failing(n: number): never {
  throw new Error(`attempt ${n}`)
}

export const retryScenarios: ScenarioGroup = {
  name: 'retries',
  scenarios: {
    'T2: fails once, then succeeds: exactly two entries': async (world) => {
      const app = await world.process(
        bothForms((n) => (n < 2 ? failing(n) : { finalAttempt: n }), { retries: 2, retryDelay: '30ms' }),
      )
      for (const form of forms) {
        const runId = await app.begin(form)
        assert.deepEqual(await app.end(runId), { kind: 'completed', output: { finalAttempt: 2 } })
        const history = await app.history(runId)
        assert.deepEqual(await app.attempts(runId), ['try 1 failed', 'try 2 succeeded'])
        assert.equal(history[0]?.error?.message, 'attempt 1')
        assert.equal(history[0]?.result, undefined)
        assert.equal(history[1]?.error, undefined)
        assert.ok(history.every(({ worker }) => worker !== undefined))
      }
    },
    'F23, F24: retries 2 that always fail: exactly three attempts, each with its error': async (world) => {
      const app = await world.process(bothForms(failing, { retries: 2 }))
      for (const form of forms) {
        const runId = await app.begin(form)
        const ended = await app.end(runId)
        assert.equal(ended.kind, 'failed')
        assert.equal((await app.service.getRun(runId))?.error?.message, 'attempt 3')
        const history = await app.history(runId)
        assert.deepEqual(
          history.map(({ attemptCount, status, error }) => [attemptCount, status, error?.message]),
          [1, 2, 3].map((n) => [n, 'failed', `attempt ${n}`]),
        )
      }
    },
    'F17: retries 0 is exactly one attempt': async (world) => {
      const app = await world.process(bothForms(failing, { retries: 0 }))
      for (const form of forms) {
        const runId = await app.begin(form)
        assert.equal((await app.end(runId)).kind, 'failed')
        assert.deepEqual(await app.attempts(runId), ['try 1 failed'])
      }
    },
    'F17, F24: what failed for good is not run again by later turns, nor by what is rung once more': async (world) => {
      const app = await world.process({
        functions: { fails: () => failing(1), echo: (_services, data: unknown) => data },
        workflows: {
          fails: async ({ workflow }) => {
            const here = workflow.do('here', () => failing(1), { retries: 1 })
            const there = workflow.do('there', 'fails', null, { retries: 0 })
            await Promise.allSettled([here, there])
            for (let turn = 0; turn < 4; turn += 1) await workflow.do('after', 'echo', turn)
            await there
          },
          plain: async ({ workflow }) => workflow.do('a', 'echo', 'through'),
        },
      })
      const runId = await app.begin('fails')
      assert.equal((await app.end(runId)).kind, 'failed')
      const failed = await app.service.getRun(runId)
      const step = { kind: 'step', runId, step: { name: 'there', ordinal: 0 }, rpcName: 'fails' } as const
      for (const attempt of [1, 2]) {
        await app.ring([{ kind: 'run', runId, workflow: 'fails' }])
        await app.ring([{ ...step, attempt, dispatch: 100 + attempt }])
      }
      // What was rung before it has been handed over when this one is through.
      assert.equal(await app.output('plain'), 'through')
      assert.deepEqual(await app.service.getRun(runId), failed)
      const attempts = (await app.attempts(runId)).filter((one) => !one.startsWith('after'))
      assert.deepEqual(attempts.sort(), ['here 1 failed', 'here 2 failed', 'there 1 failed'])
      // The world's check holds the entries of both functions against these.
    },
    'F12, F25: retryDelay is a minimum, in both forms': async (world) => {
      const at: number[] = []
      const app = await world.process(
        bothForms(
          (n) => {
            at.push(performance.now())
            return n < 3 ? failing(n) : n
          },
          { retries: 2, retryDelay: '150ms' },
        ),
      )
      for (const form of forms) {
        at.length = 0
        assert.equal(await app.output(form), 3)
        const gaps = at.slice(1).map((moment, i) => moment - (at[i] ?? 0))
        // A timer may fire up to a millisecond early by another clock.
        for (const gap of gaps) assert.ok(gap >= 148, `a gap of ${gap} ms`)
      }
    },
    'a function says how it is retried, the step says it better': async (world) => {
      const app = await world.process({
        functions: { tryIt: ({ workflowStep }) => failing(workflowStep.attemptCount) },
        functionOptions: { tryIt: { retries: 1 } },
        workflows: {
          own: async ({ workflow }) => workflow.do('a', 'tryIt'),
          other: async ({ workflow }) => workflow.do('a', 'tryIt', null, { retries: 2 }),
          none: async ({ workflow }) => workflow.do('a', 'tryIt', null, { retries: 0 }),
        },
      })
      assert.equal((await app.failure('own')).message, 'attempt 2')
      assert.equal((await app.failure('other')).message, 'attempt 3')
      assert.equal((await app.failure('none')).message, 'attempt 1')
    },
    'NonRetryableError ends the attempts at once, by class and by mark': async (world) => {
      const thrown = [new NonRetryableError('declined'), Object.assign(new Error('declined'), { retryable: false })]
      for (const error of thrown) {
        const app = await world.process(
          bothForms(
            () => {
              throw error
            },
            { retries: 5 },
          ),
        )
        for (const form of forms) {
          const runId = await app.begin(form)
          assert.equal((await app.end(runId)).kind, 'failed')
          assert.deepEqual(await app.attempts(runId), ['try 1 failed'])
        }
        await app.close()
      }
    },
    'RetryableError puts the next attempt off, and uses up retries like any other': async (world) => {
      const at: number[] = []
      const app = await world.process(
        bothForms(
          () => {
            at.push(performance.now())
            throw new RetryableError('busy', { retryAfter: '120ms' })
          },
          { retries: 1 },
        ),
      )
      for (const form of forms) {
        at.length = 0
        assert.equal((await app.failure(form)).message, 'busy')
        assert.equal(at.length, 2)
        assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 118)
      }
    },
    'F32: errors keep name, message, code, cause and fields; anything may be thrown': async (world) => {
      const app = await world.process({
        functions: {
          pay: () => {
            throw new PaymentError('declined', { cause: new TypeError('inner', { cause: 'root' }) })
          },
          text: () => Promise.reject('text'),
          nothing: () => Promise.reject(null),
          several: () => Promise.reject(new AggregateError([new Error('one'), new RangeError('two')], 'both')),
        },
        workflows: {
          rpc: async ({ workflow }) => {
            const caught: unknown[] = []
            for (const name of ['pay', 'text', 'nothing', 'several']) {
              await workflow.do(name, name).catch((error: unknown) => caught.push(error))
            }
            return caught
          },
          inline: async ({ workflow }) => {
            const caught: unknown[] = []
            const thrown = [
              new PaymentError('declined', { cause: new TypeError('inner', { cause: 'root' }) }),
              'text',
              null,
              new AggregateError([new Error('one'), new RangeError('two')], 'both'),
            ]
            for (const error of thrown) {
              await workflow.do('throw', () => Promise.reject(error)).catch((one: unknown) => caught.push(one))
            }
            return caught
          },
          own: async () => {
            throw new PaymentError('from the body')
          },
        },
      })
      for (const form of forms) {
        const [paid, text, nothing, several] = (await app.output(form)) as [PaymentError, Error, Error, AggregateError]
        assert.ok(paid instanceof Error)
        assert.deepEqual(
          [paid.name, paid.message, paid.code, paid.amount],
          ['PaymentError', 'declined', 'E_DECLINED', 12n],
        )
        const { cause } = paid
        assert.ok(cause instanceof TypeError)
        assert.deepEqual([cause.message, cause.cause], ['inner', 'root'])
        assert.ok(text instanceof Error && text.message.includes('text'))
        assert.ok(nothing instanceof Error && nothing.message.includes('null'))
        assert.ok(several instanceof AggregateError && several.errors[1] instanceof RangeError)
      }
      const error = await app.failure('own')
      assert.deepEqual([error.name, error.message, error.code], ['PaymentError', 'from the body', 'E_DECLINED'])
    },
    'F18: a failed attempt with another one due does not fail the run when a sibling wakes it': async (world) => {
      const app = await world.process({
        functions: {
          flaky: ({ workflowStep }) => (workflowStep.attemptCount < 2 ? failing(1) : 'late success'),
          quick: (_services, n: number) => n,
        },
        workflows: {
          group: async ({ workflow }) => {
            let tries = 0
            return Promise.all([
              workflow.do('flaky', 'flaky', null, { retries: 1, retryDelay: 100 }),
              workflow.do('flaky here', () => ((tries += 1) < 2 ? failing(tries) : tries), {
                retries: 1,
                retryDelay: 100,
              }),
              workflow.sleep('nap', 20),
              ...[1, 2, 3].map((n) => workflow.do('quick', 'quick', n)),
            ])
          },
        },
      })
      assert.deepEqual(await app.output('group'), ['late success', 2, undefined, 1, 2, 3])
    },
    'the least time between two attempts holds for a body that asks late, in another process': async (world) => {
      const at: number[] = []
      const app: TestApp = {
        functions: { slow: () => pause(1_500) },
        workflows: {
          late: async ({ workflow }) => {
            // As long as it is open, the run is parked while its body awaits something else.
            void workflow.do('beside', 'slow')
            await workflow.sleep('nap', 1)
            await pause(20)
            const attempt = (): unknown => (at.push(performance.now()) < 2 ? failing(1) : 'then')
            return workflow.do('flaky', attempt, { retries: 1, retryDelay: 900 })
          },
        },
      }
      const gate = new Gate()
      const first = await world.process(app, { gate })
      gate.fault = async (name, call) => {
        const answer = await call()
        if (name !== 'store.commitRun' || at.length === 0) return answer
        void first.vanish()
        return new Promise(() => undefined)
      }
      const runId = await first.begin('late')
      await until('its first attempt has failed and its process died', () => gate.dead)
      const second = await world.process(app)
      assert.deepEqual(await second.end(runId), { kind: 'completed', output: 'then' })
      const [one = 0, two = 0] = at
      assert.ok(two - one >= 890, `the second attempt began ${Math.round(two - one)} ms after the first`)
    },
  },
}
