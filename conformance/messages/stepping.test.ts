import { createRpc } from '@pikku/core'
import type { WorkflowService } from '@pikku/core/service'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { play, registerTestApp, User, type Play } from './app.ts'
import { worlds, type World } from '../worlds.ts'
import { describeError, Notebook } from './notebook.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

let world: World
let workflowService: WorkflowService
let rpc: ReturnType<typeof createRpc>

registerTestApp()

/** What the run of a body left: how it ended, its steps, and the attempts on record. */
async function left(body: Play): Promise<{ error: unknown; status: string; steps: string[]; attempts: string[] }> {
  const name = `play ${counter++}`
  play(name, body)
  const { runId } = await rpc.startWorkflow('play', name)
  const run = await workflowService.getRun(runId)
  const steps = await workflowService.listSteps(runId)
  const history = await workflowService.getRunHistory(runId)
  return {
    error: run?.error,
    status: run?.status ?? 'gone',
    steps: steps.map(({ stepName, status }) => `${stepName} ${status}`),
    attempts: history.map(({ stepName, attemptCount, status }) => `${stepName} ${attemptCount} ${status}`),
  }
}

let counter = 0

/** What the body asks for is refused before it becomes a step: the run fails with it, and has no step row. */
async function refuseBodies(name: string, bodies: Readonly<Record<string, Play>>): Promise<void> {
  const notes = new Notebook()
  for (const [given, body] of Object.entries(bodies)) {
    const { error, ...rest } = await left(body)
    expect(rest, given).toEqual({ status: 'failed', steps: [], attempts: [] })
    notes.add(given, describeError(error))
  }
  await notes.check(name)
}

describe.each(worlds)('on $name', ({ openWorld }) => {
  beforeAll(async () => {
    world = await openWorld()
    workflowService = world.workflowService(undefined, { maxPayloadBytes: 10_000 })
    rpc = createRpc({ workflowService, logger: silent })
  })

  // Whatever the next one says.
  afterAll(() => world?.drop())

  afterAll(async () => {
    await workflowService?.close()
    await vi.waitFor(async () => expect(await world.clients()).toBe(0))
  })

  test('step names', async () => {
    const named = (name: unknown): Play => ((workflow) => workflow.do(name as string, async () => 1)) as Play
    await refuseBodies('step-names', {
      "workflow.do('', …)": named(''),
      'workflow.do(<513 characters>, …)': named('x'.repeat(513)),
      "workflow.do('a\\u0000b', …)": named('a\0b'),
      "workflow.do('a\\ud800', …)": named('a\ud800'),
      'workflow.do(7, …)': named(7),
      'workflow.do(undefined, …)': named(undefined),
      "workflow.sleep('', '1s')": (workflow) => workflow.sleep('', '1s'),
      "workflow.sleepUntil('', new Date())": (workflow) => workflow.sleepUntil('', new Date()),
    })
  })

  test('durations', async () => {
    const slept: readonly unknown[] = ['', 'soon', '5', '5x', '-1s', '1s 5', '1.5.5s', '1M', '2 months', '1y', -1]
    const odd: readonly unknown[] = [
      Number.NaN,
      Infinity,
      null,
      undefined,
      5n,
      new Date(0),
      '200y',
      36_526 * 86_400_000,
    ]
    const sleeps = [...slept, ...odd].map((given): [string, Play] => [
      `workflow.sleep('Wait', ${describeGiven(given)})`,
      (workflow) => workflow.sleep('Wait', given as string),
    ])
    const dates = [new Date(Number.NaN), new Date('9999-01-01'), '2030-01-01', 1_900_000_000_000, undefined].map(
      (given): [string, Play] => [
        `workflow.sleepUntil('Wait', ${describeGiven(given)})`,
        (workflow) => workflow.sleepUntil('Wait', given as Date),
      ],
    )
    await refuseBodies('durations', Object.fromEntries([...sleeps, ...dates]))
  })

  test('options of a step', async () => {
    const inline =
      (options: unknown): Play =>
      (workflow) =>
        workflow.do('Pay', async () => 1, options as object)
    await refuseBodies('step-options', {
      '{ retries: -1 }': inline({ retries: -1 }),
      '{ retries: 1.5 }': inline({ retries: 1.5 }),
      "{ retries: '3' }": inline({ retries: '3' }),
      '{ retries: Infinity }': inline({ retries: Infinity }),
      "{ retryDelay: 'later' }": inline({ retryDelay: 'later' }),
      '{ retryDelay: -5 }': inline({ retryDelay: -5 }),
      "{ backoff: 'exponential' }": inline({ backoff: 'exponential' }),
      "{ timeout: '5s' }": inline({ timeout: '5s' }),
      '{ onUncertain: … }': inline({ onUncertain: 'fail' }),
      '{ retry: 3 }': inline({ retry: 3 }),
      '3': inline(3),
      'null': inline(null), // prettier-ignore
      "an RPC step's { retries: -1 }": (workflow) => workflow.do('Pay', 'echo', 1, { retries: -1 }),
    })
  })

  test('what a step is', async () => {
    const loose = (...args: unknown[]): Play => ((workflow) => Reflect.apply(workflow.do, workflow, args)) as Play
    await refuseBodies('step-functions', {
      "workflow.do('Create', 'creatUser', …)": (workflow) => workflow.do('Create', 'creatUser', {}),
      "workflow.do('Create', 'nothingLikeIt', …)": (workflow) => workflow.do('Create', 'nothingLikeIt', {}),
      "workflow.do('Create')": loose('Create'),
      "workflow.do('Create', 7)": loose('Create', 7),
      "workflow.do('Create', Promise.resolve(1))": loose('Create', Promise.resolve(1)),
      "workflow.do('Create', null)": loose('Create', null),
    })
  })

  test('data of a step that cannot be kept', async () => {
    await refuseBodies('step-data', {
      "workflow.do('Notify', 'echo', { user: { save() {} } })": (workflow) =>
        workflow.do('Notify', 'echo', { user: { save: () => 1 } }),
      "workflow.do('Notify', 'echo', new User())": (workflow) => workflow.do('Notify', 'echo', new User()),
      "workflow.do('Notify', 'echo', <20,000 characters>)": (workflow) =>
        workflow.do('Notify', 'echo', 'x'.repeat(20_000)),
    })
  })

  test('calls that belong into a step', async () => {
    await refuseBodies('calls-in-a-body', {
      "rpc.invoke('echo', 1)": (_workflow, { rpc }) => rpc.invoke('echo', 1),
      "rpc.startWorkflow('echo', 1)": (_workflow, { rpc }) => rpc.startWorkflow('echo', 1),
    })
  })

  test('output of a workflow that cannot be kept', async () => {
    await refuseBodies('workflow-output', {
      'return { user: { save() {} } }': () => ({ user: { save: () => 1 } }),
      'return [1, new User()]': () => [1, new User()],
      'return a symbol': () => Symbol('s'),
      'return 20,000 characters': () => 'x'.repeat(20_000),
    })
  })

  /** The step ran, what it said cannot be kept or does not fit: it fails, once, whatever its retries. */
  async function failSteps(name: string, bodies: Readonly<Record<string, Play>>): Promise<void> {
    const notes = new Notebook()
    for (const [given, body] of Object.entries(bodies)) {
      const { error, ...rest } = await left(body)
      expect(rest, given).toEqual({ status: 'failed', steps: ['Fetch failed'], attempts: ['Fetch 1 failed'] })
      notes.add(given, describeError(error))
    }
    await notes.check(name)
  }

  test('result of a step that cannot be kept', async () => {
    const retries = { retries: 3 }
    await failSteps('step-result', {
      "an RPC step's { user: { save() {} } }": (workflow) => workflow.do('Fetch', 'leak', 'function', retries),
      "an RPC step's new User()": (workflow) => workflow.do('Fetch', 'leak', 'class', retries),
      "an RPC step's 20,000 characters": (workflow) => workflow.do('Fetch', 'fill', 20_000, retries),
      "an inline step's [1, Symbol('s')]": (workflow) => workflow.do('Fetch', async () => [1, Symbol('s')], retries),
      "an inline step's 20,000 characters": (workflow) => workflow.do('Fetch', async () => 'x'.repeat(20_000), retries),
    })
  })

  test('data and result of a step that do not fit their schema', async () => {
    const retries = { retries: 3 }
    await failSteps('step-schema', {
      "workflow.do('Fetch', 'createUser', { email: 'a', age: '7' })": (workflow) =>
        workflow.do('Fetch', 'createUser', { email: 'a', age: '7' }, retries),
      "workflow.do('Fetch', 'sendEmail', { to: 'a@example.com', lines: [7] })": (workflow) =>
        workflow.do('Fetch', 'sendEmail', { to: 'a@example.com', lines: [7] }, retries),
      "workflow.do('Fetch', 'wrongResult')": (workflow) => workflow.do('Fetch', 'wrongResult'),
    })
  })

  test('a step inside a step', async () => {
    await failSteps('step-in-a-step', {
      "workflow.do('Fetch', () => workflow.do('Inner', 'echo', 1))": (workflow) =>
        workflow.do('Fetch', () => workflow.do('Inner', 'echo', 1)),
      "workflow.do('Fetch', () => workflow.sleep('Inner', '1s'))": (workflow) =>
        workflow.do('Fetch', () => workflow.sleep('Inner', '1s')),
    })
  })

  test('a body may catch what was refused, and go on', async () => {
    const caught = await left(async (workflow) => {
      const refused = await workflow.do('', async () => 1).catch((error: unknown) => describeError(error))
      return workflow.do('After', async () => refused)
    })
    expect(caught).toEqual({
      error: undefined,
      status: 'completed',
      steps: ['After succeeded'],
      attempts: ['After 1 succeeded'],
    })
  })

  function describeGiven(given: unknown): string {
    if (typeof given === 'string') return `'${given}'`
    if (typeof given === 'bigint') return `${given}n`
    if (given instanceof Date)
      return Number.isNaN(given.getTime()) ? 'new Date(NaN)' : `new Date('${given.toISOString()}')`
    return String(given)
  }
})
