import assert from 'node:assert/strict'
import { seededRandom } from '../random.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'
import { door, pause, until } from './until.ts'

const functions: NonNullable<TestApp['functions']> = {
  echo: (_services, data: unknown) => data,
  slow: async (_services, ms: number) => {
    await pause(ms)
    return ms
  },
}

/** Bodies that await what is no step. */
export const plainTimerScenarios: ScenarioGroup = {
  name: 'plain timers',
  scenarios: {
    'A3: a plain timer can win a race against a step': async (world) => {
      const through = door()
      const app = await world.process({
        functions: {
          ...functions,
          // It ends only once the timer has won and the body has gone on.
          slow: async () => {
            await through.opened
            return 'late'
          },
        },
        workflows: {
          timeout: async ({ workflow }) => {
            const slow = workflow.do('slow', 'slow')
            const winner = await Promise.race([slow, pause(30).then(() => 'timer')])
            const after = await workflow.do('after', 'echo', winner)
            await workflow.do('through', () => through.open())
            return [winner, after, await slow]
          },
        },
      })
      assert.deepEqual(await app.output('timeout'), ['timer', 'timer', 'late'])
    },
    'A1: a race that a plain timer has won is won by it in every replay': async (world) => {
      const [through, heard] = [door(), door()]
      const app = await world.process({
        functions: {
          ...functions,
          slow: () => through.opened,
          // The slow step settles while this one runs, which the body asked for before.
          after: async (_services, winner: unknown) => {
            through.open()
            await heard.opened
            return winner
          },
        },
        workflows: {
          timeout: async ({ workflow }) => {
            const slow = workflow.do('slow', 'slow')
            void slow.then(() => heard.open())
            const winner = await Promise.race([slow, pause(30).then(() => 'timer')])
            return workflow.do('after', 'after', winner)
          },
        },
      })
      assert.equal(await app.output('timeout'), 'timer')
    },
    'A3: a plain timer that fires while the run is being parked is not missed': async (world) => {
      const through = door()
      const app = await world.process({
        functions: { ...functions, slow: () => through.opened },
        workflows: {
          timeout: async ({ workflow }) => {
            const slow = workflow.do('slow', 'slow')
            await Promise.race([slow, pause(30)])
            await workflow.do('through', () => through.open())
            await slow
          },
        },
      })
      // The answer to the commit that parks it comes only after the timer.
      app.gate.fault = async (name, call) => {
        const answer = await call()
        if (name === 'store.commitRun') await pause(80)
        return answer
      }
      await app.output('timeout')
    },
    'A1: random plain delays between steps: live and replay are the same': async (world) => {
      const seed = Math.floor(Math.random() * 2 ** 31)
      const random = seededRandom(seed)
      const delay = (): Promise<void> => (random.chance(0.5) ? pause(random.below(12)) : Promise.resolve())
      const app = await world.process(
        {
          functions,
          workflows: {
            lanes: async ({ workflow }) => {
              const order: string[] = []
              const lane = async (name: string): Promise<void> => {
                for (let i = 0; i < 4; i += 1) {
                  await delay()
                  if (i % 2 === 0) await workflow.do(`${name}${i}`, 'slow', i)
                  else await workflow.do(`${name}${i}`, async () => delay())
                  order.push(`${name}${i}`)
                }
              }
              await Promise.all(['a', 'b', 'c'].map(lane))
              return order
            },
          },
        },
        { timing: { replayGraceMs: 3_000 } },
      )
      try {
        await Promise.all(Array.from({ length: 10 }, () => app.output('lanes')))
        await world.check()
      } catch (error) {
        throw new Error(`seed ${seed}`, { cause: error })
      }
    },
    'a body that awaits nothing durable is waited for and told of': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          outside: async ({ workflow }) => {
            await pause(60)
            const first = await workflow.do('a', 'echo', 'a')
            await pause(60)
            return [first, await workflow.do('b', () => 'b')]
          },
        },
      })
      assert.deepEqual(await app.output('outside'), ['a', 'b'])
      await until('the observer was told', () => app.seen('waiting-outside').length > 0)
    },
  },
}
