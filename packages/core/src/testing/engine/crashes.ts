import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { WorkflowError } from '../../contract/index.ts'
import { MAX_LOST_ATTEMPTS } from '../../domain/limits.ts'
import { seededRandom } from '../random.ts'
import { faulty, randomMishaps } from './faults.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { StepFunction, TestApp } from './test-app.ts'
import { door, pause, until } from './until.ts'

const echo: StepFunction = (_services, data: unknown) => data

/** The lease decides alone: nobody notices a death. */
const byLease = { leaseMs: 300, deathGraceMs: 60_000, sweepMs: 50, redispatchAfterMs: 100 } as const

export const crashScenarios: ScenarioGroup = {
  name: 'crashes',
  scenarios: {
    'F10: killed while a step runs: the attempt is lost, the next one goes on, retries are untouched': async (
      world,
    ) => {
      const entered = door()
      const ids: string[] = []
      const attempts: number[] = []
      const app: TestApp = {
        functions: {
          charge: ({ workflowStep }) => {
            ids.push(workflowStep.invocationId)
            attempts.push(workflowStep.attemptCount)
            entered.open()
            // The first worker never comes back from it.
            return workflowStep.attemptCount === 1 ? new Promise(() => undefined) : 'charged'
          },
        },
        workflows: { order: async ({ workflow }) => workflow.do('charge', 'charge', null, { retries: 0 }) },
      }
      const victim = await world.process(app)
      const runId = await victim.begin('order')
      await entered.opened
      await victim.vanish()
      const heir = await world.process(app)
      assert.deepEqual(await heir.end(runId), { kind: 'completed', output: 'charged' })
      const history = await heir.history(runId)
      assert.deepEqual(
        history.map(({ attemptCount, status, error }) => [attemptCount, status, error?.code]),
        [
          [1, 'failed', 'ATTEMPT_LOST'],
          [2, 'succeeded', undefined],
        ],
      )
      assert.deepEqual(attempts, [1, 2])
      assert.equal(new Set(ids).size, 1, 'the key for the outside world is the same')
      assert.ok(history[0]?.worker && history[0].worker !== history[1]?.worker)
    },
    'lost attempts use up none of the retries': async (world) => {
      const entered = door()
      const app: TestApp = {
        functions: {
          flaky: ({ workflowStep: { attemptCount } }) => {
            entered.open()
            if (attemptCount === 1) return new Promise(() => undefined)
            if (attemptCount === 2) throw new Error('its own fault')
            return attemptCount
          },
        },
        workflows: { order: async ({ workflow }) => workflow.do('flaky', 'flaky', null, { retries: 1 }) },
      }
      const victim = await world.process(app)
      const runId = await victim.begin('order')
      await entered.opened
      await victim.vanish()
      const heir = await world.process(app)
      assert.deepEqual(await heir.end(runId), { kind: 'completed', output: 3 })
      assert.deepEqual(await heir.attempts(runId), ['flaky 1 failed', 'flaky 2 failed', 'flaky 3 succeeded'])
    },
    'killed in an inline step: it runs again as the same attempt': async (world) => {
      const entered = door()
      let entries = 0
      const app: TestApp = {
        functions: { echo },
        workflows: {
          order: async ({ workflow }) => {
            const first = await workflow.do('before', 'echo', 'kept')
            const second = await workflow.do('here', () => {
              entries += 1
              entered.open()
              return entries === 1 ? new Promise(() => undefined) : entries
            })
            return [first, second]
          },
        },
      }
      const victim = await world.process(app)
      const runId = await victim.begin('order')
      await entered.opened
      await victim.vanish()
      const heir = await world.process(app)
      assert.deepEqual(await heir.end(runId), { kind: 'completed', output: ['kept', 2] })
      assert.deepEqual(await heir.attempts(runId), ['before 1 succeeded', 'here 1 succeeded'])
    },
    'killed while asleep or before a retry: the time goes on by itself': async (world) => {
      const at: number[] = []
      const app: TestApp = {
        functions: {
          flaky: ({ workflowStep }) => {
            at.push(performance.now())
            if (workflowStep.attemptCount === 1) throw new Error('first')
            return 'second'
          },
        },
        workflows: {
          order: async ({ workflow }) => {
            let entries = 0
            return Promise.all([
              workflow.sleep('nap', 250),
              workflow.do('flaky', 'flaky', null, { retries: 1, retryDelay: 250 }),
              workflow.do(
                'flaky here',
                () => {
                  entries += 1
                  if (at.length < 2) throw new Error(`entry ${entries}`)
                  return 'here'
                },
                { retries: 3, retryDelay: 250 },
              ),
            ])
          },
        },
      }
      const victim = await world.process(app)
      const started = performance.now()
      const runId = await victim.begin('order')
      await until('both attempts failed', async () => (await victim.history(runId)).length >= 2)
      await victim.vanish()
      const heir = await world.process(app)
      assert.deepEqual(await heir.end(runId), { kind: 'completed', output: [undefined, 'second', 'here'] })
      assert.ok((at[1] ?? 0) - (at[0] ?? 0) >= 245, 'retryDelay outlives a process')
      assert.ok(performance.now() - started < 5_000, 'nothing began anew')
    },
    'each of ten lost attempts is on record, then the run is suspended; resumed, it goes on': async (world) => {
      if (world.mode === 'inline') return world.leaveOut('in inline mode there is no queue')
      const app: TestApp = {
        functions: { killer: () => 'survived' },
        workflows: { order: async ({ workflow }) => workflow.do('kills', 'killer') },
      }
      world.expectRoughness()
      const turns = await world.process(app, { only: 'orchestrator' })
      const runId = await turns.begin('order')
      await until('the step is scheduled', async () => (await turns.service.listSteps(runId)).length === 1)
      const step = { name: 'kills', ordinal: 0 }
      for (let i = 1; i <= MAX_LOST_ATTEMPTS; i += 1) {
        // A worker that takes it and is never seen again.
        const ask = { runId, step, owner: `victim ${i}`, claimId: randomUUID(), leaseMs: 1, known: ['killer'] }
        await until('it is claimed', async () => {
          const claim = await turns.ports.store.claimStep({
            ...ask,
            limit: { max: MAX_LOST_ATTEMPTS, reason: 'never' },
          })
          return claim !== null
        })
        await pause(2)
      }
      const worker = await world.process(app, { only: 'worker' })
      await until('it is suspended', async () => (await turns.status(runId)) === 'suspended')
      assert.match((await turns.service.getRun(runId))?.error?.message ?? '', /'kills' lost 10 attempts/)
      const history = await turns.history(runId)
      assert.equal(history.length, 10)
      assert.ok(history.every(({ error }) => error?.code === 'ATTEMPT_LOST'))
      await turns.service.resumeRun(runId)
      assert.deepEqual(await turns.end(runId), { kind: 'completed', output: 'survived' })
      assert.equal(worker.seen('step-started').length, 1)
    },
    'frozen for longer than its lease: another takes over, the first one wakes up and achieves nothing': async (
      world,
    ) => {
      const entered = door()
      const inside = door()
      world.expectRoughness()
      const app: TestApp = {
        functions: {
          charge: async ({ workflowStep }) => {
            if (workflowStep.attemptCount > 1) return `attempt ${workflowStep.attemptCount}`
            entered.open()
            await inside.opened
            return 'from the frozen one'
          },
        },
        workflows: {
          order: async ({ workflow }) => {
            const here = await workflow.do('here', () =>
              entered2.once() ? inside.opened.then(() => 'frozen') : 'fresh',
            )
            return [here, await workflow.do('charge', 'charge')]
          },
          step: async ({ workflow }) => workflow.do('charge', 'charge'),
        },
      }
      const entered2 = firstTime()
      const frozen = await world.process(app, { timing: byLease })
      const inlineRun = await frozen.begin('order')
      const stepRun = await frozen.begin('step')
      await entered.opened
      await until('the inline step runs', () => entered2.happened())
      frozen.gate.freeze()
      const other = await world.process(app, { timing: byLease })
      const expected = { kind: 'completed', output: 'attempt 2' }
      assert.deepEqual(await other.end(stepRun), expected)
      await until('the other one is at the second step', async () => (await other.history(inlineRun)).length >= 1)
      inside.open()
      await pause(20)
      frozen.gate.thaw()
      const ended = await other.end(inlineRun)
      assert.equal(ended.kind, 'completed')
      assert.deepEqual((ended as { output: unknown[] }).output[0], 'fresh')
      await until(
        'the first one noticed',
        () => frozen.seen('lease-lost').length > 0 || frozen.seen('trouble').length > 0,
      )
      assert.deepEqual(await other.end(stepRun), expected)
      const settled = frozen
        .seen('step-succeeded')
        .filter((event) => event.kind === 'step-succeeded' && event.runId === stepRun)
      assert.equal(settled.length, 0)
      assert.deepEqual(await other.attempts(stepRun), ['charge 1 failed', 'charge 2 succeeded'])
    },
    'F16: the store away for a while fails no run': async (world) => {
      world.expectRoughness()
      let away = false
      const app: TestApp = {
        functions: {
          slow: async (_services, n: number) => {
            await pause(n)
            return n
          },
        },
        workflows: {
          order: async ({ workflow }, n: number) => {
            const [a, b] = await Promise.all([
              workflow.do('a', 'slow', n),
              workflow.do('b', () => pause(n).then(() => n)),
            ])
            await workflow.sleep('nap', n)
            return Number(a) + Number(b) + Number(await workflow.do('c', 'slow', n))
          },
        },
      }
      const worker = await world.process(app)
      worker.gate.fault = faulty((name) => (away && /^(store|reader)\./.test(name) ? 'fails' : null))
      const runIds = await Promise.all([1, 5, 20, 60].map((n) => worker.begin('order', n)))
      await pause(10)
      away = true
      await pause(250)
      away = false
      const ends = await Promise.all(runIds.map((runId) => worker.end(runId)))
      assert.deepEqual(
        ends.map((end) => (end.kind === 'completed' ? end.output : end.error)),
        [3, 15, 60, 180],
      )
    },
    'F9: the queue away for a while fails no run and loses none': async (world) => {
      if (world.mode === 'inline') return world.leaveOut('in inline mode there is no queue')
      world.troubled = true
      let away = true
      const app: TestApp = {
        functions: { echo },
        workflows: {
          order: async ({ workflow }, n: number) => workflow.do('a', 'echo', await workflow.do('b', 'echo', n)),
        },
      }
      const worker = await world.process(app)
      worker.gate.fault = (name, call) => (name === 'ring' && away ? Promise.reject(new Error('queue down')) : call())
      const runIds = await Promise.all([1, 2, 3].map((n) => worker.begin('order', n)))
      await until('the queue was tried', () => worker.seen('trouble').length >= 1)
      assert.deepEqual(await Promise.all(runIds.map((runId) => worker.status(runId))), [
        'running',
        'running',
        'running',
      ])
      away = false
      for (const [i, runId] of runIds.entries()) {
        assert.deepEqual(await worker.end(runId), { kind: 'completed', output: i + 1 })
      }
    },
    'F7, A13: store calls that fail, come late or are applied and never answered, by chance': async (world) => {
      world.expectRoughness()
      const seed = Math.floor(Math.random() * 2 ** 31)
      const random = seededRandom(seed)
      const app: TestApp = {
        functions: { echo },
        workflows: {
          order: async ({ workflow }, n: number) => {
            const both = await Promise.all([workflow.do('a', 'echo', n), workflow.do('b', () => n)])
            await workflow.sleep('nap', 5)
            const last = await workflow.do('c', 'echo', n, { retries: 1 })
            return [...both, last]
          },
        },
      }
      const timing = { leaseMs: 300, sweepMs: 50, redispatchAfterMs: 100, troubleDelayMs: 30 }
      const clean = await world.process(app, { timing })
      const shaky = await world.process(app, { timing })
      shaky.gate.fault = faulty(randomMishaps(random, 0.2))
      const runIds = Array.from({ length: 20 }, (_, i) => `run ${i}`)
      try {
        for (const [i, runId] of runIds.entries()) await insist(() => shaky.startedOnly('order', i, runId))
        for (const [i, runId] of runIds.entries()) {
          assert.deepEqual(await clean.end(runId, 20_000), { kind: 'completed', output: [i, i, i] })
        }
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      } finally {
        shaky.gate.fault = (_name, call) => call()
      }
    },
  },
}

function firstTime(): { once(): boolean; happened(): boolean } {
  let times = 0
  return { once: () => (times += 1) === 1, happened: () => times > 0 }
}

/** Ask again for as long as the store is away: what a user does who starts a run under an id of his own. */
async function insist(ask: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await ask()
      return
    } catch (error) {
      if (!WorkflowError.is(error, 'STORE_UNAVAILABLE')) throw error
    }
  }
}
