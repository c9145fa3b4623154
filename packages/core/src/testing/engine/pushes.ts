import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { WorkflowError } from '../../contract/index.ts'
import type { EngineSettings } from '../../engine/settings.ts'
import { seededRandom } from '../random.ts'
import type { EngineWorld } from './engine-world.ts'
import { everythingLost, lossyQueue, ordinaryLosses, withDeadNotices, type Losses } from './faults.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'
import { door, pause, until } from './until.ts'

/** A bit of everything whose delivery depends on somebody being told. */
const app: TestApp = {
  functions: {
    echo: (_services, data: unknown) => data,
    flaky: ({ workflowStep }) => {
      if (workflowStep.attemptCount === 1) throw new Error('first')
      return workflowStep.attemptCount
    },
    slow: async (_services, n: number) => {
      await pause(n)
      return n
    },
  },
  workflows: {
    mixed: async ({ workflow }, n: number) => {
      const pair = await Promise.all([workflow.do('slow', 'slow', 10), workflow.do('echo', 'echo', n)])
      await workflow.sleep('nap', 20)
      const retried = await workflow.do('flaky', 'flaky', null, { retries: 1, retryDelay: 10 })
      const inline = await workflow.do('here', () => n)
      return [...pair, retried, inline]
    },
    // The body moves by itself, at any moment: also while its run is being parked.
    lanes: async ({ workflow }, n: number) => {
      const lane = async (l: number): Promise<unknown> => {
        await pause(5 + ((n * 3 + l * 5) % 31))
        return workflow.do(`echo ${l}`, 'echo', l)
      }
      return Promise.all([workflow.do('slow', 'slow', 1), lane(0), lane(1), lane(2)])
    },
  },
}

const minute = 60_000
/** Everything that only repeats what pushes have told is out of the way. */
const patient: Partial<EngineSettings> = {
  leaseMs: minute,
  sweepMs: minute,
  redispatchAfterMs: minute,
  watchPollMs: minute,
  troubleDelayMs: minute,
  deathGraceMs: minute,
}
const eager: Partial<EngineSettings> = { leaseMs: 600, sweepMs: 30, redispatchAfterMs: 60, watchPollMs: 100 }

async function allEnd(
  world: EngineWorld,
  options: { losses: Losses; seed: number; deadNotices: boolean },
): Promise<void> {
  const random = seededRandom(options.seed)
  const open = {
    timing: eager,
    wrapQueue: (queue: Parameters<typeof lossyQueue>[0]) => lossyQueue(queue, random, options.losses),
    ...(options.deadNotices ? { wrap: withDeadNotices } : {}),
  }
  const processes = [await world.process(app, open), await world.process(app, open)]
  const runIds = await Promise.all(Array.from({ length: 12 }, (_, i) => processes[i % 2]!.begin('mixed', i)))
  for (const [i, runId] of runIds.entries()) {
    assert.deepEqual(await processes[0]!.end(runId, 20_000), { kind: 'completed', output: [10, i, 2, i] })
  }
}

export const pushScenarios: ScenarioGroup = {
  name: 'pushes',
  scenarios: {
    'with every safety interval at a minute the pushes alone bring each run to its end': async (world) => {
      const processes = [await world.process(app, { timing: patient }), await world.process(app, { timing: patient })]
      const started = performance.now()
      const runIds = await Promise.all(Array.from({ length: 20 }, (_, i) => processes[i % 2]!.begin('mixed', i)))
      for (const [i, runId] of runIds.entries()) {
        // The other one waits for it: the end is pushed too.
        assert.deepEqual(await processes[(i + 1) % 2]!.end(runId), { kind: 'completed', output: [10, i, 2, i] })
      }
      assert.ok(performance.now() - started < 10_000)
    },
    'the same when answers arrive late and out of order': async (world) => {
      const seed = Math.floor(Math.random() * 2 ** 31)
      const random = seededRandom(seed)
      const processes = [await world.process(app, { timing: patient }), await world.process(app, { timing: patient })]
      for (const { gate } of processes) {
        gate.fault = async (_name, call) => {
          const answer = await call()
          await pause(random.below(8))
          return answer
        }
      }
      const runIds = await Promise.all(Array.from({ length: 40 }, (_, i) => processes[i % 2]!.begin('mixed', i)))
      const lanes = await Promise.all(Array.from({ length: 40 }, (_, i) => processes[i % 2]!.begin('lanes', i)))
      for (const runId of lanes) {
        assert.deepEqual(
          await processes[0]!.end(runId, 10_000),
          { kind: 'completed', output: [1, 0, 1, 2] },
          `seed ${seed}`,
        )
      }
      for (const [i, runId] of runIds.entries()) {
        const ended = await processes[(i + 1) % 2]!.end(runId, 10_000).catch((error: unknown) => {
          throw new Error(`seed ${seed}`, { cause: error })
        })
        assert.deepEqual(ended, { kind: 'completed', output: [10, i, 2, i] })
      }
    },
    'A5: who holds a run for an inline step is told at once what settled in another process': async (world) => {
      if (world.mode === 'inline') return world.leaveOut('in inline mode there is no queue')
      const told = door()
      const held: TestApp = {
        functions: { echo: (_services, data: unknown) => data },
        workflows: {
          // The inline step ends only once the other step's result has arrived.
          held: async ({ workflow }) => {
            const slow = workflow.do('slow', () => told.opened)
            const echoed = await workflow.do('echo', 'echo', 'heard')
            told.open()
            await slow
            return echoed
          },
        },
      }
      const turns = await world.process(held, { timing: patient, only: 'orchestrator' })
      await world.process(held, { timing: patient, only: 'worker' })
      assert.equal(await turns.output('held'), 'heard')
    },
    'A5: what settled elsewhere while the answer to a claim was on its way is told to who holds the run then': async (
      world,
    ) => {
      if (world.mode === 'inline') return world.leaveOut('in inline mode there is no queue')
      const [claimed, told] = [door(), door()]
      const held: TestApp = {
        functions: {
          first: () => 1,
          second: async () => {
            await claimed.opened
            return 2
          },
        },
        workflows: {
          held: async ({ workflow }) => {
            const second = workflow.do('second', 'second', null).finally(told.open)
            await workflow.do('first', 'first', null)
            await workflow.do('slow', () => told.opened)
            return second
          },
        },
      }
      const turns = await world.process(held, { timing: patient, only: 'orchestrator' })
      await world.process(held, { timing: patient, only: 'worker' })
      const runId = randomUUID()
      let heard = 0
      const listening = await turns.ports.notices.subscribe({
        onChanged: (id, kind) => void (heard += id === runId && kind === 'changed' ? 1 : 0),
        onMissed: () => undefined,
      })
      let claims = 0
      turns.gate.fault = async (name, call) => {
        const answer = await call()
        if (name !== 'store.claimRun' || answer === null || ++claims !== 2) return answer
        claimed.open()
        await until('word of the second step has come', () => heard > 0)
        return answer
      }
      assert.deepEqual(await turns.end(await turns.begin('held', null, runId)), { kind: 'completed', output: 2 })
      await listening.close()
    },
    'A5: a wake that comes to a process that has just left the run is passed on to who holds it now': (world) =>
      wokenWhileLeaving(world, (committed) => committed),
    'A5: a wake that comes to a process that learns it had lost the run is passed on to who holds it now': (world) =>
      wokenWhileLeaving(world, () => {
        throw new WorkflowError('LEASE_LOST', 'as if others had taken it before')
      }),
    'A17: timers are met on time, by a process that did not set them too': async (world) => {
      const late: number[] = []
      const sleeper: TestApp = {
        workflows: {
          naps: async ({ workflow }) => {
            for (let i = 0; i < 5; i += 1) {
              const due = workflow.now().getTime() + 40
              await workflow.sleep('nap', 40)
              late.push(Date.now() - due)
            }
          },
          nap: async ({ workflow }) => workflow.sleep('nap', 300),
        },
      }
      const one = await world.process(sleeper, { timing: patient })
      await one.output('naps')
      late.sort((a, b) => a - b)
      // The next sweep is a minute away.
      assert.ok((late[2] ?? Infinity) < 1_000, `lateness in ms: ${late.join(' ')}`)
      const started = performance.now()
      const runId = await one.begin('nap')
      await until('it sleeps', async () => (await one.service.listSteps(runId)).length === 1)
      await one.vanish()
      // Nobody told it of the timer, and its next sweep is a minute away.
      const other = await world.process(sleeper, { timing: patient })
      await other.end(runId)
      assert.ok(performance.now() - started < 10_000, 'it knew when the timer was due')
    },
    'dropped, doubled, delayed and reordered messages: every run ends': async (world) => {
      const seed = Math.floor(Math.random() * 2 ** 31)
      await allEnd(world, { losses: ordinaryLosses, seed, deadNotices: false }).catch((error: unknown) => {
        throw new Error(`seed ${seed}`, { cause: error })
      })
    },
    'every message and every notice lost: every run ends': async (world) => {
      await allEnd(world, { losses: everythingLost, seed: 1, deadNotices: true })
    },
  },
}

/** A process parks a run, and another takes it up and is woken before the first has heard `lastWord` of what it made of it. */
async function wokenWhileLeaving(world: EngineWorld, lastWord: <T>(committed: T) => T): Promise<void> {
  if (world.mode === 'inline') return world.leaveOut('in inline mode there is no queue')
  const [parked, claimed, told] = [door(), door(), door()]
  const held: TestApp = {
    functions: {
      zeroth: () => 0,
      first: () => parked.opened,
      second: () => claimed.opened,
    },
    workflows: {
      held: async ({ workflow }) => {
        const first = workflow.do('first', 'first', null)
        const second = workflow.do('second', 'second', null).finally(told.open)
        await workflow.do('zeroth', 'zeroth', null)
        await first
        await workflow.do('slow', () => told.opened)
        await second
      },
    },
  }
  const runId = randomUUID()
  const leaves = await world.process(held, { timing: patient })
  const ended = async (name: string): Promise<boolean> =>
    leaves.seen('step-succeeded').some((event) => 'step' in event && event.step?.name === name)
  const takenOver = async (): Promise<void> => {
    const other = await world.process(held, { timing: patient, only: 'orchestrator' })
    other.gate.fault = async (name, call) => {
      const answer = await call()
      if (name === 'store.claimRun' && answer !== null) claimed.open()
      return answer
    }
    parked.open()
    await until('the first step has ended', () => ended('first'))
    const ringing = setInterval(() => void leaves.ring([{ kind: 'run', runId, workflow: 'held' }]), 20)
    await claimed.opened
    clearInterval(ringing)
    await until('the second step has ended', () => ended('second'))
  }
  let commits = 0
  leaves.gate.fault = async (name, call) => {
    const answer = await call()
    if (name !== 'store.commitRun' || ++commits !== 2) return answer
    await takenOver()
    return lastWord(answer)
  }
  await leaves.begin('held', null, runId)
  assert.equal((await leaves.end(runId)).kind, 'completed')
}
