import assert from 'node:assert/strict'
import { seededRandom, type Random } from '../random.ts'
import type { EngineWorld } from './engine-world.ts'
import { faulty, lossyQueue, randomMishaps } from './faults.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'
import type { TestProcess } from './test-process.ts'
import { pause } from './until.ts'

const app: TestApp = {
  functions: {
    work: async (_services, n: number) => {
      await pause(n % 7)
      return n + 1
    },
    flaky: async ({ workflowStep }, n: number) => {
      await pause(n % 5)
      if (workflowStep.attemptCount % 2 === 1) throw new Error(`attempt ${workflowStep.attemptCount}`)
      return n
    },
    fails: (_services, n: number) => {
      throw Object.assign(new Error(`no ${n}`), { n })
    },
  },
  workflows: {
    chain: async ({ workflow }, n: number) => {
      let sum = 0
      for (let i = 0; i < 4; i += 1) {
        sum = await workflow.do<number>('rpc', 'work', sum)
        sum = await workflow.do('here', async () => pause(n % 3).then(() => sum + 1))
        await workflow.sleep('nap', n % 10)
      }
      return sum
    },
    fan: async ({ workflow }, n: number) => {
      const settled = await Promise.allSettled([
        ...Array.from({ length: 5 }, (_, i) => workflow.do<number>('member', 'work', i)),
        workflow.do<number>('flaky', 'flaky', n, { retries: 20, retryDelay: 3 }),
        workflow.do('bad', 'fails', n),
        workflow.do('here', async () => n),
      ])
      return settled.map((one) => (one.status === 'fulfilled' ? one.value : String(one.reason)))
    },
    lanes: async ({ workflow }, n: number) => {
      const lane = async (name: string, first: number): Promise<number> => {
        await pause(first)
        const a = await workflow.do<number>(`${name} a`, 'work', n)
        await pause(n % 4)
        return workflow.do(`${name} b`, async () => a + 1)
      }
      return Promise.all([lane('x', 0), lane('y', n % 5), lane('z', 2)])
    },
    refuses: async ({ workflow }, n: number) => {
      await workflow.do('first', 'work', n)
      await workflow.do('never', 'fails', n, { retries: 1 })
    },
  },
}

const expected: Readonly<Record<string, (n: number) => unknown>> = {
  chain: () => 8,
  fan: (n) => [1, 2, 3, 4, 5, n, `Error: no ${n}`, n],
  lanes: (n) => [n + 2, n + 2, n + 2],
  refuses: (n) => `Error: no ${n}`,
}

const timing = {
  leaseMs: 250,
  sweepMs: 40,
  redispatchAfterMs: 80,
  deathGraceMs: 30,
  watchPollMs: 100,
  troubleDelayMs: 20,
  parkedRuns: 2,
} as const

/** Processes come, go in good order, are killed and freeze, while their queue and their store calls go wrong by chance. */
async function chaos(world: EngineWorld, random: Random): Promise<void> {
  world.expectRoughness()
  const open = (): Promise<TestProcess> =>
    world.process(app, { timing, wrapQueue: (queue) => lossyQueue(queue, random) })
  const steady = await open()
  const runs = Object.keys(expected).flatMap((name) =>
    Array.from({ length: 4 }, (_, i) => ({ name, n: i * 3 + random.below(3) })),
  )
  const runIds = await Promise.all(runs.map(({ name, n }) => steady.begin(name, n)))
  const others: TestProcess[] = []
  for (let i = 0; i < 12; i += 1) {
    const other = await open()
    other.gate.fault = faulty(randomMishaps(random, 0.08))
    others.push(other)
    await pause(random.below(40))
    const victim = random.pick(others)
    const fate = random.below(4)
    if (fate === 0) await victim.vanish()
    else if (fate === 1) await victim.close({ graceMs: random.below(30) })
    else if (fate === 2) victim.gate.freeze()
    else victim.gate.thaw()
  }
  for (const [i, { name, n }] of runs.entries()) {
    const ended = await steady.end(runIds[i]!, 20_000)
    assert.deepEqual(ended.kind === 'completed' ? ended.output : String(ended.error), expected[name]?.(n), name)
  }
  for (const other of others) {
    other.gate.thaw()
    other.gate.fault = (_name, call) => call()
  }
}

export const chaosScenarios: ScenarioGroup = {
  name: 'chaos',
  scenarios: {
    'killed, frozen, closed and started anew, over a bad queue and a bad store: every run ends as it should': async (
      world,
    ) => {
      const seed = Math.floor(Math.random() * 2 ** 31)
      try {
        await chaos(world, seededRandom(seed))
        await world.check()
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    },
  },
}
