import { randomUUID } from 'node:crypto'
import { MAX_LOST_ATTEMPTS } from '../../domain/limits.ts'
import type { EngineWorld } from './engine-world.ts'
import type { Body, TestApp } from './test-app.ts'
import type { TestProcess } from './test-process.ts'
import { door, pause, until } from './until.ts'

/** How a run may end, wherever somebody died. `by`: whose code finished it, where a deploy changes it. */
export type Ending = ({ kind: 'completed'; output: unknown } | { kind: 'failed' | 'cancelled'; message: string }) & {
  readonly by?: 'heir'
}

/** What is played once. The workflow is called `order`, its input is 7. */
export interface Acts {
  /** What the process has that dies. */
  readonly app: TestApp
  /** What the next one has. Default: the same. */
  readonly heir?: TestApp
  /** What one has that comes when the heir has left the run ended or suspended. */
  readonly last?: TestApp
  /** What has happened to the run already when the process that dies begins. Nobody dies in it. */
  readonly before?: (world: EngineWorld, runId: string) => Promise<void>
  /** What a user does besides starting the run. Done once more with the heir when it was not answered. */
  readonly asks?: (process: TestProcess, runId: string) => Promise<void>
}

/** A run, and how it ends whoever dies. */
export interface CrashPointScenario {
  /** Made anew for each play: nothing is left of the one before. */
  readonly acts: () => Acts
  readonly ends: readonly Ending[]
  /** Attempts on record by step name, without those that were lost with their process. */
  readonly attempts?: Readonly<Record<string, number>>
  /** There are no step workers of its own in inline mode. */
  readonly remoteOnly?: boolean
}

const functions: NonNullable<TestApp['functions']> = {
  add: (_services, n: number) => n + 1,
  brief: (_services, n: number) => pause(15).then(() => n),
  // Lost attempts count too: what matters is that it is tried again after the one that throws.
  flaky: ({ workflowStep }) => {
    if (workflowStep.attemptCount === 1) throw new Error('first')
    return 'in the end'
  },
  broken: () => {
    throw new Error('always')
  },
}

const running = (order: Body): (() => Acts) => {
  return () => ({ app: { functions, workflows: { order } } })
}

const counts = [1, 2, 3, 4, 5, 6, 7, 8] as const

const shop = {
  old: async ({ workflow }) => {
    await workflow.do('charge', 'add', 1)
    await workflow.sleep('nap', 20)
    return workflow.do('end', 'add', 10)
  },
  changed: async ({ workflow }) => {
    await workflow.do('charge', 'add', 2)
    await workflow.sleep('nap', 20)
    return workflow.do('end', 'add', 20)
  },
} satisfies Record<string, Body>
const old: TestApp = { functions, workflows: { order: shop.old } }
const changed: TestApp = { functions, workflows: { order: shop.changed } }

/** Ten workers have taken its step and were never seen again: the next one to take it suspends the run. */
async function losePlenty(world: EngineWorld, runId: string): Promise<void> {
  world.expectRoughness()
  const app: TestApp = { functions, workflows: { order: poisoned } }
  const turns = await world.process(app, { only: 'orchestrator' })
  await turns.begin('order', 7, runId)
  await until('the step is scheduled', async () => (await turns.service.listSteps(runId)).length === 1)
  for (let lost = 0; lost < MAX_LOST_ATTEMPTS; lost += 1) {
    const ask = { runId, step: { name: 'kills', ordinal: 0 }, leaseMs: 1, known: ['add'] }
    const limit = { max: MAX_LOST_ATTEMPTS, reason: 'never' }
    await until('it is claimed', async () => {
      const claim = { ...ask, owner: `victim ${lost}`, claimId: randomUUID(), limit }
      return (await turns.ports.store.claimStep(claim)) !== null
    })
    await pause(2)
  }
  await turns.close()
}

const poisoned: Body = async ({ workflow }) => workflow.do('kills', 'add', 7)

/** Resumes it when it has been suspended; where a resume was not answered, that may be over already. */
async function resume(process: TestProcess, runId: string): Promise<void> {
  let status: string | undefined
  await until('it is suspended, or over', async () => {
    status = await process.status(runId)
    return status === 'suspended' || status === 'completed'
  })
  if (status === 'suspended') await process.service.resumeRun(runId)
}

/** Scenarios that are played to the death at every one of their calls. */
export const crashPointCases: Readonly<Record<string, CrashPointScenario>> = {
  sequence: {
    acts: running(async ({ workflow }, n: number) => {
      let sum = n
      for (const name of ['a', 'b', 'c']) sum = await workflow.do<number>(name, 'add', sum)
      return sum
    }),
    ends: [{ kind: 'completed', output: 10 }],
    attempts: { a: 1, b: 1, c: 1 },
  },
  'fan-out of eight': {
    acts: running(async ({ workflow }) =>
      Promise.all(counts.map((n) => workflow.do(`member ${n}`, n % 2 === 0 ? 'add' : 'brief', n))),
    ),
    ends: [{ kind: 'completed', output: [1, 3, 3, 5, 5, 7, 7, 9] }],
    attempts: Object.fromEntries(counts.map((n) => [`member ${n}`, 1])),
  },
  'inline and rpc mixed': {
    acts: running(async ({ workflow }, n: number) => {
      const both = await Promise.all([workflow.do<number>('a', 'add', n), workflow.do('b', () => n)])
      await workflow.sleep('nap', 5)
      const caught = await workflow
        .do('c', () => Promise.reject(new Error('no')), { retries: 0 })
        .catch((error: Error) => error.message)
      return [...both, caught, await workflow.do('d', async () => pause(5).then(() => 'late'))]
    }),
    ends: [{ kind: 'completed', output: [8, 7, 'no', 'late'] }],
    attempts: { a: 1, b: 1, c: 1, d: 1 },
  },
  'race with a timer': {
    acts: running(async ({ workflow }, n: number) =>
      Promise.race([workflow.sleep('deadline', 12).then(() => 'timer'), workflow.do('work', 'brief', n)]),
    ),
    // Either may win; that live and replay name the same winner is checked of every run.
    ends: [
      { kind: 'completed', output: 'timer' },
      { kind: 'completed', output: 7 },
    ],
    attempts: { work: 1 },
  },
  'sleep across a restart': {
    acts: running(async ({ workflow }, n: number) => {
      const sum = await workflow.do<number>('a', 'add', n)
      await workflow.sleep('nap', 60)
      return workflow.do('b', 'add', sum)
    }),
    ends: [{ kind: 'completed', output: 9 }],
    attempts: { a: 1, b: 1 },
  },
  'retry then succeed': {
    acts: running(async ({ workflow }) => workflow.do('flaky', 'flaky', null, { retries: 1, retryDelay: 10 })),
    ends: [{ kind: 'completed', output: 'in the end' }],
  },
  'retry exhausted': {
    acts: running(async ({ workflow }) => {
      await workflow.do('here', () => Promise.reject(new Error('here')), { retries: 1 }).catch(() => 'caught')
      return workflow.do('broken', 'broken', null, { retries: 2, retryDelay: 5 })
    }),
    ends: [{ kind: 'failed', message: 'always' }],
    attempts: { here: 2, broken: 3 },
  },
  'cancelled in the middle of a step': {
    acts: () => {
      const entered = door()
      const long: NonNullable<TestApp['functions']>[string] = async ({ workflowStep }) => {
        entered.open()
        await new Promise((resolve) => workflowStep.signal.addEventListener('abort', resolve))
      }
      return {
        app: { functions: { long }, workflows: { order: async ({ workflow }) => workflow.do('long', 'long') } },
        asks: async ({ service }, runId) => {
          await entered.opened
          await service.cancelRun(runId, 'enough')
        },
      }
    },
    ends: [{ kind: 'cancelled', message: 'enough' }],
    attempts: {},
  },
  'cancelled from inside': {
    acts: running(async ({ workflow }, n: number) => {
      await workflow.do('a', 'add', n)
      try {
        return await workflow.cancel('negative')
      } catch {
        return 'undone'
      }
    }),
    ends: [{ kind: 'cancelled', message: 'negative' }],
    attempts: { a: 1 },
  },
  'one name in a loop': {
    acts: running(async ({ workflow }) => {
      const sums: number[] = []
      for (let n = 0; n < 3; n += 1) sums.push(await workflow.do<number>('same', 'add', n))
      return sums
    }),
    ends: [{ kind: 'completed', output: [1, 2, 3] }],
    attempts: { same: 3 },
  },
  'un-awaited steps': {
    acts: running(async ({ workflow }, n: number) => {
      void workflow.do('rpc', 'brief', n)
      void workflow.do('here', () => n)
      void workflow.do('fails', () => Promise.reject(new Error('nobody hears'))).catch(() => 'observed')
      return 'ok'
    }),
    ends: [{ kind: 'completed', output: 'ok' }],
    attempts: { rpc: 1, here: 1, fails: 1 },
  },
  'poison step': {
    acts: () => ({ app: { functions, workflows: { order: poisoned } }, before: losePlenty, asks: resume }),
    ends: [{ kind: 'completed', output: 8 }],
    attempts: { kills: 1 },
    remoteOnly: true,
  },
  'idempotent start': {
    acts: () => ({
      app: { functions, workflows: { order: async ({ workflow }, n: number) => workflow.do('a', 'add', n) } },
      asks: async (process, runId) => {
        await Promise.all([1, 2].map(() => process.startRun('order', 7, { runId })))
        await process.startRun('order', 7, { runId })
      },
    }),
    ends: [{ kind: 'completed', output: 8 }],
    attempts: { a: 1 },
  },
  'readers in between': {
    acts: () => ({
      app: {
        functions,
        workflows: {
          order: async ({ workflow }, n: number) => {
            await workflow.do('a', 'add', n)
            return (await workflow.getRun()).input
          },
        },
      },
      asks: async ({ service }, runId) => {
        await service.listRuns({ workflow: 'order' })
        await service.listSteps(runId)
        await service.getRunHistory(runId)
      },
    }),
    ends: [{ kind: 'completed', output: 7 }],
    attempts: { a: 1 },
  },
  'deploy: the code changes with the death': {
    acts: () => ({ app: old, heir: changed, last: old }),
    // Before its first step is on record the new code has it, afterwards only the old one finishes it.
    ends: [
      { kind: 'completed', output: 11 },
      { kind: 'completed', output: 21, by: 'heir' },
    ],
    attempts: { charge: 1, end: 1 },
  },
  'deploy: killed while it finds the difference': {
    acts: () => ({
      app: changed,
      heir: old,
      before: async (world, runId) => {
        const first = await world.process(old)
        await first.begin('order', 7, runId)
        await until('its first step is through', async () => (await first.history(runId)).length > 0)
        await first.close()
      },
    }),
    ends: [{ kind: 'completed', output: 11, by: 'heir' }],
    attempts: { charge: 1, end: 1 },
  },
}
