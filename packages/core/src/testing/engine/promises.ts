import assert from 'node:assert/strict'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'
import { door, pause } from './until.ts'

const functions: NonNullable<TestApp['functions']> = {
  echo: (_services, data: unknown) => data,
  slow: async (_services, ms: number) => {
    await pause(ms)
    return ms
  },
  fails: (_services, message: string) => {
    throw new Error(message)
  },
}

export const promiseScenarios: ScenarioGroup = {
  name: 'promises',
  scenarios: {
    'T5: Promise.all over rpc steps, inline steps and sleeps': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          all: async ({ workflow }) =>
            Promise.all([
              workflow.do('a', 'slow', 20),
              workflow.do('b', async () => pause(10).then(() => 'b')),
              workflow.sleep('c', 30),
              ...['x', 'y', 'z'].map((name) => workflow.do(`member ${name}`, 'echo', name)),
            ]),
        },
      })
      assert.deepEqual(await app.output('all'), [20, 'b', undefined, 'x', 'y', 'z'])
    },
    'allSettled, race and any mean what they mean': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          mixed: async ({ workflow }) => {
            const settled = await Promise.allSettled([
              workflow.do('good', 'echo', 1),
              workflow.do('bad', 'fails', 'on purpose'),
              workflow.do('bad here', () => Promise.reject(new Error('here'))),
            ])
            const raced = await Promise.race([
              workflow.sleep('slow', 150).then(() => 'sleep'),
              workflow.do('fast', 'echo', 'rpc'),
            ])
            const any = await Promise.any([workflow.do('no', 'fails', 'no'), workflow.do('yes', 'slow', 10)])
            const none = await Promise.any([workflow.do('n1', 'fails', '1'), workflow.do('n2', 'fails', '2')]).catch(
              (error: unknown) =>
                error instanceof AggregateError ? error.errors.map((one: Error) => one.message) : error,
            )
            return { settled: settled.map(({ status }) => status), raced, any, none }
          },
        },
      })
      assert.deepEqual(await app.output('mixed'), {
        settled: ['fulfilled', 'rejected', 'rejected'],
        raced: 'rpc',
        any: 10,
        none: ['1', '2'],
      })
    },
    'a sleep beside inline steps leaves the process free for others': async (world) => {
      let longestMs = 0
      const look = async (times: number): Promise<void> => {
        for (let i = 0; i < times; i += 1) {
          const before = performance.now()
          await pause(10)
          longestMs = Math.max(longestMs, performance.now() - before)
        }
      }
      const app = await world.process({
        workflows: {
          beside: async ({ workflow }) => {
            const look1 = workflow.do('short', () => look(1))
            await Promise.all([look1, workflow.do('long', () => look(130)), workflow.sleep('nap', 1_200)])
          },
        },
      })
      await app.output('beside')
      assert.ok(longestMs < 800, `for ${Math.round(longestMs)} ms nothing else happened in this process`)
    },
    'F6: a group one of whose members fails at once loses none of the others': async (world) => {
      const app = await world.process({
        functions: {
          ...functions,
          effect: async (_services, what: string) => {
            await pause(15)
            world.ledger.note(what)
          },
        },
        workflows: {
          group: async ({ workflow }) => {
            try {
              await Promise.all([
                workflow.do('bad', () => Promise.reject(new Error('at once'))),
                workflow.do('a', 'effect', 'a'),
                workflow.do('b', 'effect', 'b'),
                workflow.sleep('nap', 30),
              ])
              return 'not reached'
            } catch (error) {
              await workflow.do('c', 'effect', 'c')
              return String(error)
            }
          },
        },
      })
      const runId = await app.begin('group')
      assert.deepEqual(await app.end(runId), { kind: 'completed', output: 'Error: at once' })
      assert.deepEqual([...world.ledger.notes()].sort(), ['a', 'b', 'c'])
      const open = (await app.service.listSteps(runId)).filter(({ status }) => status === 'scheduled')
      assert.deepEqual(open, [])
    },
    'F19: suspension is invisible to try, catch and finally': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          careful: async ({ workflow }) => {
            const seen: string[] = []
            try {
              await workflow.do('rpc', 'slow', 20)
              seen.push('result')
            } catch {
              seen.push('caught')
            } finally {
              seen.push('finally')
            }
            try {
              await workflow.sleep('nap', 20)
            } catch {
              seen.push('caught')
            } finally {
              seen.push('finally 2')
            }
            try {
              await workflow.do('bad', 'fails', 'x')
            } catch (error) {
              seen.push(String(error))
              await workflow.do('compensate', 'echo', 'undone')
            }
            return seen
          },
        },
      })
      assert.deepEqual(await app.output('careful'), ['result', 'finally', 'finally 2', 'Error: x'])
    },
    'F20: steps awaited one after the other after both were asked for': async (world) => {
      const app = await world.process({
        functions,
        bare: true,
        workflows: {
          pair: async ({ workflow }) => {
            const a = workflow.do('a', 'slow', 15)
            const b = workflow.do('b', 'echo', 'b')
            return [await a, await b]
          },
        },
      })
      assert.deepEqual(await app.output('pair'), [15, 'b'])
    },
    'A7: a step rejected before anyone awaits it harms nobody': async (world) => {
      const app = await world.process({
        functions,
        bare: true,
        workflows: {
          late: async ({ workflow }) => {
            const bad = workflow.do('bad', 'fails', 'too early')
            const badHere = workflow.do('bad here', () => Promise.reject(new Error('here')))
            await workflow.do('slow', 'slow', 60)
            const caught: string[] = []
            await bad.catch((error: Error) => caught.push(error.message))
            await badHere.catch((error: Error) => caught.push(error.message))
            return caught
          },
          dropped: async ({ workflow }) => {
            void workflow.do('bad', 'fails', 'nobody looks')
            await workflow.sleep('nap', 30)
            return 'fine'
          },
        },
      })
      assert.deepEqual(await app.output('late'), ['too early', 'here'])
      assert.equal(await app.output('dropped'), 'fine')
    },
    'A6: an un-awaited step is run, and the run completes only after it': async (world) => {
      const app = await world.process({
        functions: {
          ...functions,
          effect: async (_services, what: string) => {
            await pause(30)
            world.ledger.note(what)
          },
        },
        workflows: {
          forgets: async ({ workflow }) => {
            void workflow.do('email', 'effect', 'email')
            void workflow.do('here', async () => {
              await pause(20)
              world.ledger.note('here')
            })
            void workflow.sleep('nap', 40)
            void workflow.do('broken', 'fails', 'observed, not thrown')
            return 'ok'
          },
        },
      })
      const runId = await app.begin('forgets')
      assert.deepEqual(await app.end(runId), { kind: 'completed', output: 'ok' })
      assert.deepEqual([...world.ledger.notes()].sort(), ['email', 'here'])
      const steps = await app.service.listSteps(runId)
      assert.ok(steps.every(({ status }) => status === 'succeeded' || status === 'failed'))
    },
    'A5: a slow inline step does not hold up the rest of the body': async (world) => {
      // The slow step ends only once the other lane is through: held up, the run would never end.
      let through = (): void => undefined
      const laneIsThrough = new Promise<void>((resolve) => (through = resolve))
      const app = await world.process({
        functions,
        workflows: {
          lanes: async ({ workflow }) => {
            const slow = workflow.do('slow', () => laneIsThrough)
            const lane = workflow.do('fast', () => 'fast').then(() => workflow.do('next', 'echo', 'next'))
            await lane.then(() => workflow.do('last', through))
            await slow
            return 'done'
          },
        },
      })
      assert.equal(await app.output('lanes'), 'done')
    },
    'A5: a sleep ends on time while an inline step runs': async (world) => {
      const awake = door()
      const app = await world.process({
        functions,
        workflows: {
          raced: async ({ workflow }) => {
            // The slow step ends only once both sleeps have: held up, the run would never end.
            const slow = workflow.do('slow', () => awake.opened)
            await Promise.race([slow, workflow.sleep('nap', 30)])
            await workflow.sleep('another', 30)
            awake.open()
            await slow
            return 'awake'
          },
        },
      })
      assert.equal(await app.output('raced'), 'awake')
    },
    'a rejection the body leaves unhandled fails its run, not the process': async (world) => {
      // The engines' own stays: it is there already where an earlier scenario let one die.
      const others = process.listeners('unhandledRejection').filter(({ name }) => name !== 'onUnhandledRejection')
      for (const listener of others) process.off('unhandledRejection', listener)
      try {
        const app = await world.process({
          functions,
          bare: true,
          workflows: {
            stray: async ({ workflow }) => {
              void (async () => {
                await workflow.do('a', 'echo', 1)
                throw new Error('stray')
              })()
              await workflow.sleep('for ever', '1d')
            },
            early: async ({ workflow }) => {
              void Promise.reject(new Error('at once'))
              await workflow.sleep('for ever', '1d')
            },
            fine: async ({ workflow }) => workflow.do('a', 'echo', 'fine'),
          },
        })
        assert.equal((await app.failure('stray')).message, 'stray')
        assert.equal((await app.failure('early')).message, 'at once')
        assert.equal(await app.output('fine'), 'fine')
      } finally {
        for (const listener of others) process.on('unhandledRejection', listener)
      }
    },
    'a body that returns or throws at once needs no step': async (world) => {
      const app = await world.process({
        workflows: {
          returns: async (_services, input: unknown) => input,
          throws: async () => {
            throw new RangeError('at once')
          },
          synchronous: () => 'plain',
        },
      })
      assert.deepEqual(await app.output('returns', { a: [1] }), { a: [1] })
      assert.equal((await app.failure('throws')).name, 'RangeError')
      assert.equal(await app.output('synchronous'), 'plain')
    },
  },
}
