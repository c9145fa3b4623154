import {
  createRegistry,
  createRpc,
  defineFunction,
  defineWorkflow,
  type FunctionConfig,
  type WorkflowConfig,
} from '@pikku/core'
import type { WorkflowContext } from '@pikku/core'
import type { WorkflowService } from '@pikku/core/service'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { registerTestApp } from './app.ts'
import { worlds, type World } from '../worlds.ts'
import { Notebook } from './notebook.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

let world: World
let workflowService: WorkflowService
let rpc: ReturnType<typeof createRpc>

registerTestApp()

async function refuse(name: string, acts: Readonly<Record<string, () => unknown>>): Promise<void> {
  const notes = new Notebook()
  const before = await world.contents()
  for (const [given, act] of Object.entries(acts)) await notes.refused(given, act)
  expect(await world.contents()).toEqual(before)
  await notes.check(name)
}

const loose = (value: unknown): never => value as never

type Body = (workflow: WorkflowContext) => unknown

/** A process of an app with these workflows; inline, replays wait a moment only. */
function openService(bodies: Readonly<Record<string, Body>>): WorkflowService {
  const service = world.workflowService(undefined, { timing: { replayGraceMs: 200 } })
  const functions = { charge: anyFunction(), refund: anyFunction() }
  const workflows = Object.entries(bodies).map(([name, body]) => ({
    name,
    func: defineWorkflow({
      func: (services) => body((services as unknown as { workflow: WorkflowContext }).workflow),
    }) as WorkflowConfig,
  }))
  // The text of the function is what tells one code from another.
  for (const { name, func } of workflows)
    Object.defineProperty(func.func, 'toString', { value: () => String(bodies[name]) })
  service.bind({ workflowService: service, logger: silent }, createRegistry({ functions, workflows }))
  onTestFinished(() => service.close({ graceMs: 0 }))
  return service
}

async function namesAndStatuses(service: WorkflowService, runId: string): Promise<string[]> {
  const steps = await service.listSteps(runId)
  return steps.map(({ stepName, status }) => `${stepName} ${status}`).sort()
}

function anyFunction(): FunctionConfig {
  return defineFunction({ func: (_services, data) => data }) as FunctionConfig
}

describe.each(worlds)('on $name', ({ openWorld, suffix }) => {
  beforeAll(async () => {
    world = await openWorld()
    workflowService = world.workflowService(undefined)
    rpc = createRpc({ workflowService, logger: silent })
    await workflowService.init()
  })

  // Whatever the next one says.
  afterAll(() => world?.drop())

  afterAll(async () => {
    await workflowService?.close()
    await vi.waitFor(async () => expect(await world.clients()).toBe(0))
  })

  test('an unknown run is null or empty where one looks, an error where one acts', async () => {
    for (const id of [
      'nothing',
      'not-a-uuid',
      '01890a5d-ac96-774b-bcce-b302099a8057',
      '',
      'a\0b',
      '\ud800',
      'x'.repeat(300),
      loose(undefined),
    ]) {
      expect(await workflowService.getRun(id), id).toBeNull()
      expect(await workflowService.getRunHistory(id), id).toEqual([])
      expect(await workflowService.listSteps(id), id).toEqual([])
    }
    await refuse('unknown-run', {
      "waitForRun('nothing')": () => workflowService.waitForRun('nothing', { timeout: '5s' }),
      "cancelRun('nothing')": () => workflowService.cancelRun('nothing', 'why'),
      "resumeRun('nothing')": () => workflowService.resumeRun('nothing'),
      "watchRun('nothing')": () => workflowService.watchRun('nothing', () => {}),
      "waitForRun('')": () => workflowService.waitForRun('', { timeout: '5s' }),
      "cancelRun('a\\u0000b')": () => workflowService.cancelRun('a\0b', 'why'),
      "resumeRun('\\ud800')": () => workflowService.resumeRun('\ud800'),
      'watchRun(<300 characters>)': () => workflowService.watchRun('x'.repeat(300), () => {}),
      'waitForRun(undefined)': () => workflowService.waitForRun(loose(undefined), { timeout: '5s' }),
      'cancelRun(undefined)': () => workflowService.cancelRun(loose(undefined), 'why'),
    })
  })

  test('bad questions', async () => {
    await rpc.startWorkflow('echo', 1, { runId: 'there' })
    await refuse('bad-questions', {
      "waitForRun(id, { timeout: 'soon' })": () => workflowService.waitForRun('there', { timeout: 'soon' }),
      'waitForRun(id, { timeout: -1 })': () => workflowService.waitForRun('there', { timeout: -1 }),
      "watchRun(id, 'log')": () => workflowService.watchRun('there', loose('log')),
      "listRuns({ status: 'done' })": () => workflowService.listRuns({ status: loose('done') }),
      'listRuns({ limit: 0 })': () => workflowService.listRuns({ limit: 0 }),
      'listRuns({ limit: 1.5 })': () => workflowService.listRuns({ limit: 1.5 }),
      'listRuns({ limit: 1001 })': () => workflowService.listRuns({ limit: 1_001 }),
      'listRuns({ createdAfter: new Date(NaN) })': () =>
        workflowService.listRuns({ createdAfter: new Date(Number.NaN) }),
      "listRuns({ createdBefore: '2030-01-01' })": () =>
        workflowService.listRuns({ createdBefore: loose('2030-01-01') }),
      "listRuns({ tags: 'orders' })": () => workflowService.listRuns({ tags: loose('orders') }),
      'listRuns({ workflow: 7 })': () => workflowService.listRuns({ workflow: loose(7) }),
      "listRuns({ cursor: 'next' })": () => workflowService.listRuns({ cursor: 'next' }),
      "listRuns('echo')": () => workflowService.listRuns(loose('echo')),
      "listRuns({ name: 'echo' })": () => workflowService.listRuns(loose({ name: 'echo' })),
      'deleteRuns({})': () => workflowService.deleteRuns(loose({})),
      'deleteRuns({ finishedBefore: new Date(NaN) })': () =>
        workflowService.deleteRuns({ finishedBefore: new Date(Number.NaN) }),
      "deleteRuns({ finishedBefore: …, status: 'running' })": () =>
        workflowService.deleteRuns({ finishedBefore: new Date(), status: 'running' }),
      'deleteRuns({ finishedBefore: …, limit: 0 })': () =>
        workflowService.deleteRuns({ finishedBefore: new Date(), limit: 0 }),
    })
  })

  test('how waiting for a run may end', async () => {
    const notes = new Notebook()
    const service = openService({ sleeper: async (workflow) => workflow.sleep('Long', '1h') })
    service.startRun('sleeper', null, { runId: 'sleeper' }).catch(() => {}) // it ends when the run is cancelled, below
    await expect.poll(async () => (await service.listSteps('sleeper')).length, { timeout: 10_000 }).toBe(1)
    await notes.refused('the time is over', () => service.waitForRun('sleeper', { timeout: 50 }))
    await service.cancelRun('sleeper', 'no longer wanted')
    await notes.refused('it was cancelled', () => service.waitForRun('sleeper'))
    await notes.check('waiting')
  })

  test('after close', async () => {
    const service = world.workflowService(undefined)
    const rpc = createRpc({ workflowService: service, logger: silent })
    await service.init()
    await service.close()
    await refuse(`after-close${suffix}`, {
      "getRun('x')": () => service.getRun('x'),
      "waitForRun('x')": () => service.waitForRun('x', { timeout: '1s' }),
      "rpc.startWorkflow('echo', 1)": () => rpc.startWorkflow('echo', 1),
      'init()': () => service.init(),
    })
  })

  test('code that no longer fits the history of a run: suspended, with the difference', async () => {
    const old: Body = async (workflow) => {
      await workflow.do('Charge', 'charge', { amount: 1 })
      await workflow.do('Note', async () => 'noted')
      await workflow.sleep('Cool-off', '1h')
      return workflow.do('Thank', async () => 'thanked')
    }
    const changes: Readonly<Record<string, Body>> = {
      'another function': async (workflow) => workflow.do('Charge', 'refund', { amount: 1 }),
      'another input': async (workflow) => workflow.do('Charge', 'charge', { amount: 2 }),
      'another kind of step': async (workflow) => workflow.do('Charge', async () => 1),
      'a step taken out': async (workflow) => {
        await workflow.do('Charge', 'charge', { amount: 1 })
        await workflow.sleep('Cool-off', '1h')
      },
      'a step renamed': async (workflow) => {
        await workflow.do('Charge', 'charge', { amount: 1 })
        await workflow.do('Remark', async () => 'noted')
        await workflow.sleep('Cool-off', '1h')
      },
      'it returns too early': async (workflow) => workflow.do('Charge', 'charge', { amount: 1 }),
      'it throws too early': async (workflow) => {
        await workflow.do('Charge', 'charge', { amount: 1 })
        throw new Error('not today')
      },
    }
    const notes = new Notebook()
    for (const [what, changed] of Object.entries(changes)) {
      const before = openService({ order: old })
      before.startRun('order', null, { runId: what }).catch(() => {}) // its process is stopped before the run ends
      await expect.poll(async () => (await before.listSteps(what)).length, { timeout: 10_000 }).toBe(3)
      const steps = await namesAndStatuses(before, what)
      await before.close({ graceMs: 0 })
      const after = openService({ order: changed })
      await after.resumeRun(what)
      await expect.poll(async () => (await after.getRun(what))?.status, { timeout: 10_000 }).toBe('suspended')
      const run = await after.getRun(what)
      notes.add(what, `${run?.status}, ${run?.error?.name}: ${run?.error?.message}`)
      expect(await namesAndStatuses(after, what)).toEqual(steps)
      await after.close({ graceMs: 0 })
      await workflowService.cancelRun(what, 'seen enough')
    }
    await notes.check('changed-code')
  })
})
