import assert from 'node:assert/strict'
import type { EngineHarness } from './engine-harness.ts'
import { EngineWorld } from './engine-world.ts'
import { Gate } from './gate.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'

const app: TestApp = {
  functions: {
    add: (_services, n: number) => n + 1,
    flaky: ({ workflowStep }) => {
      // Lost attempts count too: what matters is that it is tried again after the one that throws.
      if (workflowStep.attemptCount === 1) throw new Error('first')
      return workflowStep.attemptCount > 1
    },
  },
  workflows: {
    order: async ({ workflow }, n: number) => {
      const both = await Promise.all([workflow.do<number>('a', 'add', n), workflow.do('b', () => n)])
      await workflow.sleep('nap', 5)
      const retried = await workflow.do('c', 'flaky', null, { retries: 5 })
      const caught = await workflow
        .do('d', () => Promise.reject(new Error('no')))
        .catch((error: Error) => error.message)
      return [...both, retried, caught]
    },
  },
}

const expected = { kind: 'completed', output: [8, 7, true, 'no'] } as const
const timing = { leaseMs: 400, sweepMs: 40, redispatchAfterMs: 100, deathGraceMs: 40 }

/** The calls that change something; the others happen as time goes by. */
const counted = /^(store\.(createRun|claimRun|commitRun|claimStep|settleStep)|ring)$/

type When = 'before' | 'after'

/** Play it once, dying before or after the n-th call; what is left is finished by an heir. Answers how many calls there were. */
async function dieAt(world: EngineWorld, at: { call: number; when: When } | null): Promise<number> {
  const gate = new Gate()
  const died = Promise.withResolvers<void>()
  let calls = 0
  gate.fault = async (name, call) => {
    if (!counted.test(name)) return call()
    calls += 1
    const here = at !== null && calls === at.call
    if (here && at.when === 'before') return die()
    const answer = await call()
    return here ? die() : answer
  }
  const die = (): Promise<never> => {
    died.resolve()
    void victim.vanish()
    return new Promise(() => undefined)
  }
  const victim = await world.process(app, { gate, timing })
  const started = victim.startRun('order', 7, { runId: 'the run' })
  started.catch(() => undefined) // A death answers nothing; without one the end is checked below.
  // Another time it may take fewer calls, and end before it dies.
  const ended = await Promise.race([died.promise, started.then(() => victim.end('the run'))])
  if (ended !== undefined) {
    assert.deepEqual(ended, expected)
    return calls
  }
  const heir = await world.process(app, { timing })
  if ((await heir.status('the run')) === undefined) await heir.begin('order', 7, 'the run')
  assert.deepEqual(await heir.end('the run'), expected)
  return calls
}

/** Dies at every call that changes something, once before and once after it. */
export function crashPointScenarios(harness: EngineHarness): ScenarioGroup {
  const inWorld = async (at: { call: number; when: When } | null): Promise<number> => {
    const world = new EngineWorld(await harness.open())
    try {
      const calls = await dieAt(world, at)
      await world.check()
      return calls
    } catch (error) {
      throw new Error(`died ${at?.when} call ${at?.call}`, { cause: error })
    } finally {
      await world.dispose()
    }
  }
  const atEveryPoint = async (when: When): Promise<void> => {
    const calls = await inWorld(null)
    assert.ok(calls >= 10, `the scenario makes ${calls} calls`)
    const points = Array.from({ length: calls }, (_, i) => i + 1).filter(
      (i) => i % (harness.everyCrashPoint ?? 1) === 0,
    )
    for (let i = 0; i < points.length; i += 4) {
      await Promise.all(points.slice(i, i + 4).map((call) => inWorld({ call, when })))
    }
  }
  return {
    name: 'crash points',
    scenarios: {
      'F8, F9, F11: dies before each call in turn': () => atEveryPoint('before'),
      'F8, F9, F11: dies after each call in turn': () => atEveryPoint('after'),
    },
  }
}
