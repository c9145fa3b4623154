import assert from 'node:assert/strict'
import type { ScenarioGroup } from './scenario.ts'
import type { Body, TestApp } from './test-app.ts'
import { door, until } from './until.ts'

const functions: NonNullable<TestApp['functions']> = {
  echo: (_services, data: unknown) => data,
  other: (_services, data: unknown) => data,
}

/** Runs that stand before their last step, a signal of the scenario's own: a sleep. */
function versions(old: Body, changed: Body): { old: TestApp; changed: TestApp } {
  return { old: { functions, workflows: { order: old } }, changed: { functions, workflows: { order: changed } } }
}

const changes: Readonly<
  Record<string, { readonly apps: { old: TestApp; changed: TestApp }; readonly reason: RegExp }>
> = {
  'another input': {
    reason: /'charge'.*another input for 'echo'/,
    apps: versions(
      async ({ workflow }) => {
        await workflow.do('charge', 'echo', { amount: 1 })
        await workflow.sleep('wait', 300)
        return workflow.do('end', 'echo', 'old')
      },
      async ({ workflow }) => {
        await workflow.do('charge', 'echo', { amount: 2 })
        await workflow.sleep('wait', 300)
        return workflow.do('end', 'echo', 'new')
      },
    ),
  },
  'another function': {
    reason: /'charge'.*RPC step 'echo'.*now asks for.*'other'/,
    apps: versions(
      async ({ workflow }) => {
        await workflow.do('charge', 'echo', 1)
        await workflow.sleep('wait', 300)
        return workflow.do('end', 'echo', 'old')
      },
      async ({ workflow }) => {
        await workflow.do('charge', 'other', 1)
        await workflow.sleep('wait', 300)
        return workflow.do('end', 'echo', 'new')
      },
    ),
  },
  'another kind': {
    reason: /'charge'.*RPC step 'echo'.*now asks for an inline step/,
    apps: versions(
      async ({ workflow }) => {
        await workflow.do('charge', 'echo', 1)
        await workflow.sleep('wait', 300)
        return workflow.do('end', 'echo', 'old')
      },
      async ({ workflow }) => {
        await workflow.do('charge', () => 1)
        await workflow.sleep('wait', 300)
        return workflow.do('end', 'echo', 'new')
      },
    ),
  },
  'a step taken out': {
    reason: /'charge'/,
    apps: versions(
      async ({ workflow }) => {
        await workflow.do('charge', 'echo', 1)
        await workflow.sleep('wait', 300)
        return workflow.do('end', 'echo', 'old')
      },
      async ({ workflow }) => {
        await workflow.sleep('wait', 300)
        return workflow.do('end', 'echo', 'new')
      },
    ),
  },
  'an end moved up': {
    reason: /'wait'.*(returned|does not ask)|'charge'/,
    apps: versions(
      async ({ workflow }) => {
        await workflow.do('charge', 'echo', 1)
        await workflow.sleep('wait', 300)
        return workflow.do('end', 'echo', 'old')
      },
      async ({ workflow }) => {
        await workflow.do('charge', 'echo', 1)
        return 'early'
      },
    ),
  },
  'a throw moved up': {
    reason: /'wait'.*(threw|does not ask)|'charge'/,
    apps: versions(
      async ({ workflow }) => {
        await workflow.do('charge', 'echo', 1)
        await workflow.sleep('wait', 300)
        return workflow.do('end', 'echo', 'old')
      },
      async ({ workflow }) => {
        await workflow.do('charge', 'echo', 1)
        throw new Error('early')
      },
    ),
  },
}

export const deployScenarios: ScenarioGroup = {
  name: 'deploys',
  scenarios: {
    ...Object.fromEntries(
      Object.entries(changes).map(([what, { apps, reason }]) => [
        `A2, F62: ${what}: suspended for that code with the difference, finished by the code it began with`,
        async (world): Promise<void> => {
          const before = await world.process(apps.old, { timing: { replayGraceMs: 200 } })
          const runId = await before.begin('order')
          await until('the sleep is on record', async () => (await before.service.listSteps(runId)).length === 2)
          await before.close()
          const changed = await world.process(apps.changed, { timing: { replayGraceMs: 200 } })
          await until('it is suspended', async () => (await changed.status(runId)) === 'suspended')
          const run = await changed.service.getRun(runId)
          assert.equal(run?.error?.code, 'RUN_SUSPENDED')
          assert.match(run?.error?.message ?? '', reason)
          assert.equal(changed.seen('run-suspended').length, 1)
          // Anybody with other code takes it by itself.
          const after = await world.process(apps.old, { timing: { replayGraceMs: 200 } })
          assert.deepEqual(await after.end(runId), { kind: 'completed', output: 'old' })
          await changed.close()
          // The world's final replay is of the code that finished it.
          world.knows(apps.old)
        },
      ]),
    ),
    'resumeRun gives the mended code of the same text another try': async (world) => {
      let amount = 1
      // The text of the function stays the same while what it asks for changes: as after a fix in a helper.
      const app: TestApp = {
        functions,
        workflows: {
          order: async ({ workflow }) => {
            await workflow.do('charge', 'echo', { amount })
            await workflow.sleep('wait', 100)
            return amount
          },
        },
      }
      const before = await world.process(app, { timing: { replayGraceMs: 200 } })
      const runId = await before.begin('order')
      await until('the first step is through', async () => (await before.history(runId)).length === 1)
      await before.close()
      amount = 2
      const worker = await world.process(app, { timing: { replayGraceMs: 200 } })
      await until('it is suspended', async () => (await worker.status(runId)) === 'suspended')
      await worker.service.resumeRun(runId)
      await until('it is suspended again', () => worker.seen('run-suspended').length === 2)
      amount = 1
      await worker.service.resumeRun(runId)
      assert.deepEqual(await worker.end(runId), { kind: 'completed', output: 1 })
    },
    'A23: a worker leaves alone what it does not know': async (world) => {
      const known: TestApp = { functions, workflows: { known: async ({ workflow }) => workflow.do('a', 'echo', 1) } }
      const both: TestApp = {
        functions,
        workflows: { ...known.workflows, newer: async ({ workflow }) => workflow.do('a', 'echo', 2) },
      }
      const old = await world.process(known)
      const producer = await world.process(both, { works: false })
      if (world.mode === 'inline') {
        assert.equal(await producer.output('newer'), 2)
        return
      }
      const runId = await producer.begin('newer')
      assert.equal(await producer.output('known'), 1)
      assert.equal(await producer.status(runId), 'running')
      assert.equal(old.seen('trouble').length, 0)
      await world.process(both)
      assert.deepEqual(await producer.end(runId), { kind: 'completed', output: 2 })
    },
    'a function that only newer workers have waits for one of them': async (world) => {
      if (world.mode === 'inline') return world.leaveOut('in inline mode there is no queue')
      const workflows: TestApp['workflows'] = { order: async ({ workflow }) => workflow.do('a', 'fresh', 1) }
      const fresh = (_services: unknown, n: number): number => n + 1
      const turns = await world.process({ functions: { fresh }, workflows }, { only: 'orchestrator' })
      const old = await world.process({ functions: {}, workflows }, { only: 'worker' })
      const runId = await turns.begin('order')
      await until('it was offered', async () => (await turns.service.listSteps(runId)).length === 1)
      assert.equal((await turns.service.listSteps(runId))[0]?.attemptCount, 0)
      await world.process({ functions: { fresh }, workflows }, { only: 'worker' })
      await old.close()
      assert.deepEqual(await turns.end(runId), { kind: 'completed', output: 2 })
      assert.equal(old.seen('step-started').length, 0)
    },
    'a function taken out of the code fails no run that has its result': async (world) => {
      const body: Body = async ({ workflow }) => {
        const first = await workflow.do('a', 'gone', 1)
        await workflow.sleep('wait', 150)
        return [first, await workflow.do('b', 'echo', 2)]
      }
      const app: TestApp = {
        functions: { ...functions, gone: (_services, n: number) => n },
        workflows: { order: body },
      }
      const before = await world.process(app)
      const runId = await before.begin('order')
      await until('the first step is through', async () => (await before.history(runId)).length === 1)
      await before.close()
      const after = await world.process({ functions, workflows: { order: body } })
      assert.deepEqual(await after.end(runId), { kind: 'completed', output: [1, 2] })
      world.knows(app)
    },
    'A19: work that finishes while the run is suspended is kept': async (world) => {
      const entered = door()
      const inside = door()
      const slow = async (_services: unknown, n: number): Promise<number> => {
        entered.open()
        await inside.opened
        return n
      }
      const old: TestApp = {
        functions: { ...functions, slow },
        workflows: {
          order: async ({ workflow }) => {
            const [a] = await Promise.all([workflow.do('slow', 'slow', 5), workflow.do('b', 'echo', 1)])
            return a
          },
        },
      }
      const changed: TestApp = {
        functions: { ...functions, slow },
        workflows: {
          order: async ({ workflow }) => {
            const [a] = await Promise.all([workflow.do('slow', 'slow', 5), workflow.do('b', 'echo', 'another')])
            return a
          },
        },
      }
      if (world.mode === 'inline') return world.leaveOut('in inline mode there is no queue')
      const steps = await world.process(old, { only: 'worker' })
      const before = await world.process(old, { only: 'orchestrator' })
      const runId = await before.begin('order')
      await entered.opened
      await until('b is through', async () => (await before.history(runId)).length === 1)
      await before.close()
      const turns = await world.process(changed, { only: 'orchestrator', timing: { replayGraceMs: 200 } })
      await turns.service.resumeRun(runId)
      await until('it is suspended', async () => (await turns.status(runId)) === 'suspended')
      inside.open()
      await until('slow is through', async () => (await turns.history(runId)).length === 2)
      await world.process(old, { only: 'orchestrator' })
      assert.deepEqual(await turns.end(runId), { kind: 'completed', output: 5 })
      assert.equal(steps.seen('step-started').length, 2)
      world.knows(old)
    },
  },
}
