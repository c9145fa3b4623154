import assert from 'node:assert/strict'
import { WorkflowError } from '../../contract/index.ts'
import type { ScenarioGroup } from './scenario.ts'
import type { TestApp } from './test-app.ts'
import { pause } from './until.ts'

const functions: NonNullable<TestApp['functions']> = {
  echo: (_services, data: unknown) => data,
  createUser: (_services, { email }: { email: string }) => ({ userId: `user of ${email}` }),
  sendEmail: async (_services, { to }: { to: string }) => {
    await pause(2)
    return `sent to ${to}`
  },
}

const onboarding: TestApp = {
  functions,
  workflows: {
    onboarding: async ({ workflow }, { email }: { email: string }) => {
      const { userId } = await workflow.do<{ userId: string }>('Create user', 'createUser', { email })
      const to = await workflow.do('Pick address', async () => email.toLowerCase())
      await workflow.sleep('Wait', '50ms')
      await workflow.do('Send', 'sendEmail', { to }, { retries: 2, retryDelay: '1s' })
      return { userId, email: to }
    },
  },
}

export const stepScenarios: ScenarioGroup = {
  name: 'steps',
  scenarios: {
    'T1: rpc step, inline step with its result, sleep, rpc step': async (world) => {
      const app = await world.process(onboarding)
      const runId = await app.begin('onboarding', { email: 'A@B.C' })
      assert.deepEqual(await app.end(runId), {
        kind: 'completed',
        output: { userId: 'user of A@B.C', email: 'a@b.c' },
      })
      assert.deepEqual(await app.attempts(runId), [
        'Create user 1 succeeded',
        'Pick address 1 succeeded',
        'Send 1 succeeded',
      ])
      const steps = await app.service.listSteps(runId)
      assert.deepEqual(
        steps.map(({ stepName, kind, status }) => [stepName, kind, status]),
        [
          ['Create user', 'rpc', 'succeeded'],
          ['Pick address', 'inline', 'succeeded'],
          ['Wait', 'sleep', 'succeeded'],
          ['Send', 'rpc', 'succeeded'],
        ],
      )
    },
    'sleep and sleepUntil wait at least as long as they say': async (world) => {
      const app = await world.process({
        workflows: {
          naps: async ({ workflow }) => {
            const at = [workflow.now().getTime()]
            await workflow.sleep('a', 120)
            at.push(workflow.now().getTime())
            await workflow.sleepUntil('b', new Date((at[1] ?? 0) + 120))
            at.push(workflow.now().getTime())
            await workflow.sleepUntil('gone by', new Date(0))
            await workflow.sleep('nothing', 0)
            return at
          },
        },
      })
      const [start = 0, first = 0, second = 0] = (await app.output('naps')) as number[]
      assert.ok(first - start >= 120, `the sleep took ${first - start} ms`)
      // sleepUntil names an instant by the process' clock, the store has its own.
      assert.ok(second - first >= 100, `the second one took ${second - first} ms`)
    },
    'F14: years are in range of a sleep': async (world) => {
      const app = await world.process({
        workflows: {
          long: async ({ workflow }) => {
            await Promise.all([
              workflow.sleep('decade', '3650d'),
              workflow.sleepUntil('next century', new Date('2099-01-01')),
              workflow.do('short', () => 1),
            ])
          },
        },
      })
      const runId = await app.begin('long')
      while ((await app.history(runId)).length === 0) await pause(5)
      const steps = await app.service.listSteps(runId)
      assert.equal(steps.filter(({ status }) => status === 'scheduled').length, 2)
      assert.equal(await app.status(runId), 'running')
      assert.ok((steps[0]?.dueAt?.getTime() ?? 0) > Date.now() + 3_600 * 86_400_000)
    },
    'F13: sleeps armed in the same millisecond all end': async (world) => {
      const app = await world.process({
        workflows: {
          naps: async ({ workflow }) => {
            const until = new Date(workflow.now().getTime() + 40)
            await Promise.all([
              ...Array.from({ length: 10 }, (_, i) => workflow.sleep(`nap ${i}`, 30)),
              ...Array.from({ length: 10 }, () => workflow.sleepUntil('until', until)),
            ])
            return 'awake'
          },
        },
      })
      assert.equal(await app.output('naps'), 'awake')
    },
    'F21: a name used n times is n steps, in a loop and in a group': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          loop: async ({ workflow }) => {
            const inOrder: unknown[] = []
            for (let i = 0; i < 4; i += 1) inOrder.push(await workflow.do('same', 'echo', { i }))
            const atOnce = await Promise.all([5, 6, 7].map((i) => workflow.do('same', 'echo', { i })))
            const inline = [await workflow.do('here', () => 'x'), await workflow.do('here', () => 'y')]
            return { inOrder, atOnce, inline }
          },
        },
      })
      assert.deepEqual(await app.output('loop'), {
        inOrder: [0, 1, 2, 3].map((i) => ({ i })),
        atOnce: [5, 6, 7].map((i) => ({ i })),
        inline: ['x', 'y'],
      })
    },
    'T6: a loop of four with a sleep in it': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          invites: async ({ workflow }) => {
            let invitedCount = 0
            for (let i = 0; i < 4; i += 1) {
              await workflow.do('Invite', 'echo', { i })
              await workflow.sleep('Pace', '20ms')
              invitedCount += 1
            }
            return { invitedCount }
          },
        },
      })
      assert.deepEqual(await app.output('invites'), { invitedCount: 4 })
    },
    'names are any text: colons, hashes, quotes, newlines, emoji, 512 characters': async (world) => {
      const names = [
        'a:b',
        '0:a',
        '#1',
        `it's "quoted"`,
        'two\nlines',
        '👩‍🚀',
        ' ',
        'constructor',
        '__proto__',
        'x'.repeat(512),
      ]
      const app = await world.process({
        functions,
        workflows: {
          named: async ({ workflow }) => {
            const answers: unknown[] = []
            for (const [i, name] of names.entries()) {
              answers.push(await workflow.do(name, 'echo', i), await workflow.do(name, () => i))
            }
            return answers
          },
        },
      })
      assert.deepEqual(
        await app.output('named'),
        names.flatMap((_name, i) => [i, i]),
      )
    },
    'a bad request rejects at the step and the body may go on': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          bad: async ({ workflow }) => {
            const codeOf = (asked: () => Promise<unknown>): Promise<unknown> =>
              asked().then(
                () => 'fulfilled',
                (error: unknown) => (WorkflowError.is(error) ? error.code : String(error)),
              )
            const codes = [
              await codeOf(() => workflow.do('', 'echo')),
              await codeOf(() => workflow.do('a\0b', 'echo')),
              await codeOf(() => workflow.do('\ud800', 'echo')),
              await codeOf(() => workflow.do('x'.repeat(513), 'echo')),
              await codeOf(() => workflow.do('a', 'ecko')),
              await codeOf(() => workflow.do('a', 'echo', () => 1)),
              await codeOf(() => workflow.do('a', 7 as never)),
              await codeOf(() => workflow.do('a', 'echo', 1, { retries: -1 })),
              await codeOf(() => workflow.do('a', 'echo', 1, { retryDelay: 'soon' })),
              await codeOf(() => workflow.do('a', 'echo', 1, { timeout: '1s' } as never)),
              await codeOf(() => workflow.sleep('a', 'for ever')),
              await codeOf(() => workflow.sleep('a', -1)),
              await codeOf(() => workflow.sleepUntil('a', new Date(NaN))),
              await codeOf(() => workflow.sleepUntil('a', new Date('9999-12-31'))),
            ]
            return [codes, await workflow.do('a', 'echo', 'good')]
          },
        },
      })
      assert.deepEqual(await app.output('bad'), [
        [
          'INVALID_NAME',
          'INVALID_NAME',
          'INVALID_NAME',
          'INVALID_NAME',
          'RPC_NOT_FOUND',
          'NOT_SERIALIZABLE',
          'INVALID_INPUT',
          'INVALID_INPUT',
          'INVALID_DURATION',
          'INVALID_INPUT',
          'INVALID_DURATION',
          'INVALID_DURATION',
          'INVALID_DURATION',
          'INVALID_DURATION',
        ],
        'good',
      ])
    },
    'an RPC that does not exist is named with its near matches': async (world) => {
      const app = await world.process({
        functions,
        workflows: { typo: async ({ workflow }) => workflow.do('a', 'creatUser', {}) },
      })
      const error = await app.failure('typo')
      assert.equal(error.code, 'RPC_NOT_FOUND')
      assert.match(error.message, /'creatUser'.*'createUser'/)
    },
    'a step sees its run, its id and its attempt; outside a workflow there is no workflowStep': async (world) => {
      const seen: { runId: string; stepId: string; attemptCount: number; invocationId: string }[] = []
      let outside: unknown = 'not called'
      const app = await world.process({
        functions: {
          look: ({ workflowStep, rpc }) => {
            const { runId, stepId, attemptCount, invocationId, signal } = workflowStep
            seen.push({ runId, stepId, attemptCount, invocationId })
            assert.equal(signal.aborted, false)
            if (attemptCount < 3) throw new Error('once more')
            return rpc.invoke('plain')
          },
          plain: (services) => {
            outside = services.workflowStep
          },
        },
        workflows: {
          looks: async ({ workflow }) => {
            await workflow.do('look', 'look', null, { retries: 5 })
            await workflow.do('look', 'look', null, { retries: 5 })
            return [workflow.runId, workflow.workflowName, (await workflow.getRun()).workflow]
          },
        },
      })
      const runId = await app.begin('looks')
      assert.deepEqual(await app.end(runId), { kind: 'completed', output: [runId, 'looks', 'looks'] })
      assert.deepEqual(
        seen.map(({ attemptCount }) => attemptCount),
        [1, 2, 3, 1, 2, 3],
      )
      assert.equal(new Set(seen.map(({ invocationId }) => invocationId)).size, 2)
      assert.equal(new Set(seen.slice(0, 3).map(({ invocationId }) => invocationId)).size, 1)
      assert.ok(seen.every((one) => one.runId === runId))
      assert.equal(outside, undefined)
    },
    'now, random and uuid are the same in every replay': async (world) => {
      const drawn: unknown[] = []
      const app = await world.process({
        functions,
        workflows: {
          draws: async ({ workflow }) => {
            const draw = (): unknown[] => [workflow.now().getTime(), workflow.random(), workflow.uuid()]
            const before = draw()
            await workflow.do('a', 'echo', before)
            const between = draw()
            await workflow.sleep('b', 20)
            const all = [before, between, draw()]
            drawn.push(all)
            return all
          },
        },
      })
      // The world's check replays it once more and compares the output.
      const output = (await app.output('draws')) as unknown[][]
      assert.deepEqual(drawn[0], output)
      assert.equal(new Set(output.map((draw) => draw[2])).size, 3)
      const again = (await app.output('draws')) as unknown[][]
      assert.notEqual(again[0]?.[1], output[0]?.[1], 'another run draws others')
      const [first, second, third] = output.map((draw) => Number(draw[0]))
      assert.ok(first! <= second! && second! <= third!, 'time goes forward')
    },
    'rpc.invoke and rpc.startWorkflow are refused in a body and allowed in an inline step': async (world) => {
      const app = await world.process({
        functions,
        workflows: {
          child: async ({ workflow }, n: number) => workflow.do('one', () => n + 1),
          parent: async ({ workflow, rpc }) => {
            const refused: string[] = []
            await rpc.invoke('echo', 1).catch((error: Error) => refused.push(error.message))
            await rpc.startWorkflow('child', 1).catch((error: Error) => refused.push(error.message))
            await workflow.do('step', () => 1)
            await rpc.invoke('echo', 1).catch((error: Error) => refused.push(error.message))
            const echoed = await workflow.do('call', () => rpc.invoke('echo', 'through'))
            const { runId } = await workflow.do('start', () => rpc.startWorkflow('child', 41))
            return { refused, echoed, runId }
          },
        },
      })
      const output = (await app.output('parent')) as { refused: string[]; echoed: string; runId: string }
      assert.equal(output.refused.length, 3)
      assert.match(output.refused[0] ?? '', /rpc\.invoke\('echo'.*workflow\.do/)
      assert.match(output.refused[1] ?? '', /rpc\.startWorkflow\('child'.*workflow\.do/)
      assert.equal(output.echoed, 'through')
      assert.deepEqual(await app.end(output.runId), { kind: 'completed', output: 42 })
    },
    'a step inside an inline step is refused: no replay would find it': async (world) => {
      const app = await world.process({
        functions,
        bare: true,
        workflows: {
          nested: async ({ workflow }) =>
            workflow.do('outer', async () => {
              const inner = workflow.do('inner', 'echo', 1).catch((error: Error) => error.message)
              const nap = workflow.sleep('nap', 1).catch((error: Error) => error.message)
              return [await inner, await nap]
            }),
        },
      })
      const [inner, nap] = (await app.output('nested')) as [string, string]
      assert.match(inner, /'inner'.*inside.*inline step/)
      assert.match(nap, /'nap'.*inside.*inline step/)
    },
    'a function called as a step after the body awaited a plain timer may call others': async (world) => {
      const app = await world.process({
        functions: { ...functions, outer: ({ rpc }) => rpc.invoke('echo', 'inner') },
        workflows: {
          late: async ({ workflow }) => {
            // Parked on the sleep when the timer fires: the body itself then rings its run.
            const nap = workflow.sleep('nap', 60)
            await pause(30)
            const answer = await workflow.do('outer', 'outer')
            await nap
            return answer
          },
        },
      })
      assert.equal(await app.output('late'), 'inner')
    },
    'F48, F49: functions have an rpc whose depth is nesting, not the number of calls': async (world) => {
      const app = await world.process({
        functions: {
          depth: ({ rpc }) => rpc.depth,
          deeper: async ({ rpc }) => [await rpc.invoke('depth'), await rpc.invoke('depth'), await rpc.invoke('depth')],
        },
        workflows: { depths: async ({ workflow }) => workflow.do('a', 'deeper') },
      })
      assert.deepEqual(await app.output('depths'), [2, 2, 2])
    },
  },
}
