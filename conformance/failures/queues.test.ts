import { setTimeout as delay } from 'node:timers/promises'
import {
  createRegistry,
  defineFunction,
  defineWorkflow,
  type FunctionConfig,
  type RegistryParts,
  type WorkflowConfig,
  type WorkflowContext,
} from '@pikku/core'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { worlds, type World } from '../worlds.ts'

const defaultQueues = { orchestrator: 'pikku-workflow-orchestrator', worker: 'pikku-workflow-step-worker' }

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

let world: World

/** How often each thing happened. */
const happened = new Map<string, number>()
const note = (what: string) => happened.set(what, (happened.get(what) ?? 0) + 1)
beforeEach(() => happened.clear())

type Body = (workflow: WorkflowContext) => unknown

interface Parts extends Omit<RegistryParts, 'workflows' | 'functions'> {
  readonly workflows: Readonly<Record<string, Body>>
}

/** A process of an app. */
function open({ workflows, ...parts }: Parts) {
  const queueService = world.queueService()
  const workflowService = world.workflowService(queueService, { leaseMs: 1_000 })
  const services = { workflowService, queueService, logger: silent }
  const echo = defineFunction({ func: (_services, data) => data }) as FunctionConfig
  const wirings = Object.entries(workflows).map(([name, body]) => {
    const func = (given: object) => body((given as { workflow: WorkflowContext }).workflow)
    return { name, func: defineWorkflow({ func }) as WorkflowConfig }
  })
  workflowService.bind(services, createRegistry({ ...parts, functions: { echo }, workflows: wirings }))
  const workers = new world.Workers(services)
  onTestFinished(async () => {
    await workers.close({ graceMs: 0 })
    await workflowService.close({ graceMs: 0 })
    await queueService.close()
  })
  return { workflowService, queueService, workers }
}

const fiveSteps: Body = async (workflow) => {
  for (const n of [1, 2, 3, 4, 5]) await workflow.do('step', 'echo', n)
  return 'done'
}

describe.each(worlds)('on $name', ({ openWorld }) => {
  beforeAll(async () => (world = await openWorld()))
  afterAll(() => world?.drop())

  test('F5: an inline step of three leases, its run rung again and again: executed once', async () => {
    const { workflowService, workers } = open({
      workflows: {
        slow: (workflow) =>
          workflow.do('slow', async () => {
            note('slow')
            await delay(3_000)
            return 'done'
          }),
      },
    })
    await workers.registerQueues()
    // A second process that would take it, if it could.
    const other = open({ workflows: { slow: (workflow) => workflow.do('slow', async () => note('slow')) } })
    const { runId } = await workflowService.startRun('slow', null)
    await expect.poll(() => happened.get('slow')).toBe(1)
    await other.workers.registerQueues()
    const ended = workflowService.waitForRun(runId, { timeout: '20s' })
    const bell = other.queueService.doorbell(defaultQueues)
    while ((await Promise.race([ended, delay(100, 'not yet')])) === 'not yet')
      await bell.ring([{ kind: 'run', runId, workflow: 'slow' }])
    expect(await ended).toBe('done')
    expect(happened.get('slow')).toBe(1)
    expect(await workflowService.getRunHistory(runId)).toHaveLength(1)
  })

  test('F13: thirty sleeps that begin in the same moment all end', async () => {
    const { workflowService, workers } = open({
      workflows: {
        sleeps: (workflow) =>
          Promise.all(Array.from({ length: 30 }, () => workflow.sleep('nap', 100))).then(() => 'awake'),
      },
    })
    await workers.registerQueues()
    const { runId } = await workflowService.startRun('sleeps', null)
    expect(await workflowService.waitForRun(runId, { timeout: '15s' })).toBe('awake')
  })

  test('F14: a sleep goes on without the process it began in; years hold up nobody', async () => {
    const workflows: Parts['workflows'] = {
      nap: (workflow) => workflow.sleep('nap', 1_500).then(() => 'awake'),
      hibernate: (workflow) => workflow.sleep('hibernate', 100 * 365 * 86_400_000),
    }
    const first = open({ workflows })
    await first.workers.registerQueues()
    const { runId: long } = await first.workflowService.startRun('hibernate', null)
    const { runId } = await first.workflowService.startRun('nap', null)
    await expect.poll(async () => (await first.workflowService.listSteps(runId)).length).toBe(1)
    await expect.poll(async () => (await first.workflowService.listSteps(long)).length).toBe(1)
    await first.workers.close({ graceMs: 0 })
    await first.workflowService.close()
    const { workflowService, workers } = open({ workflows })
    await workers.registerQueues()
    expect(await workflowService.waitForRun(runId, { timeout: '15s' })).toBe('awake')
    expect((await workflowService.getRun(long))?.status).toBe('running')
    await workflowService.cancelRun(long, 'spring')
  })

  test('F15: runs that were started before any worker ever lived wait for one', async () => {
    const queues = { orchestrator: 'first-turns', worker: 'first-steps' }
    const producer = open({ queues, workflows: { five: fiveSteps } })
    const { runId } = await producer.workflowService.startRun('five', null)
    expect((await producer.workflowService.getRun(runId))?.status).toBe('running')
    const { workers } = open({ queues, workflows: { five: fiveSteps } })
    await workers.registerQueues()
    expect(await producer.workflowService.waitForRun(runId, { timeout: '15s' })).toBe('done')
  })

  test('F41: a queue that cannot be registered fails the start of the workers', async () => {
    const func = defineFunction({ func: () => 1 }) as FunctionConfig
    const { workers } = open({ workflows: {}, queueWorkers: [{ queueName: 'no such: name', func }] })
    await expect(workers.registerQueues()).rejects.toMatchObject({
      code: 'INVALID_NAME',
      message: expect.stringContaining("'no such: name' is not a queue name"),
    })
  })

  test('F42: names of the two queues hold for whoever starts runs and for whoever works', async () => {
    const queues = { orchestrator: 'my-turns', worker: 'my-steps' }
    const producer = open({ queues, workflows: { five: fiveSteps } })
    const { runId } = await producer.workflowService.startRun('five', null)
    // A start does not wait for long for its ring.
    await expect.poll(() => world.queueOf(runId), { timeout: 10_000 }).toBe('my-turns')
    const { workers } = open({ queues, workflows: { five: fiveSteps } })
    await workers.registerQueues()
    expect(await producer.workflowService.waitForRun(runId, { timeout: '15s' })).toBe('done')
    const names = await world.queueNames()
    expect(names.filter((name) => name.startsWith('my-'))).toEqual(['my-steps', 'my-turns'])
  })

  test('F57: steps and runs do not wait for polls', async () => {
    const { workflowService, workers } = open({ workflows: { five: fiveSteps } })
    await workers.registerQueues()
    const run = async () => {
      const { runId } = await workflowService.startRun('five', null)
      return workflowService.waitForRun(runId, { timeout: '30s' })
    }
    await run()
    const one = performance.now()
    await run()
    const ten = performance.now()
    await Promise.all(Array.from({ length: 10 }, run))
    const end = performance.now()
    // With polls of two seconds these took 16 s and more. A loaded machine is given plenty.
    expect(ten - one, 'five steps, ms').toBeLessThan(3_000)
    expect(end - ten, 'ten runs of five steps at once, ms').toBeLessThan(5_000)
  })
})
