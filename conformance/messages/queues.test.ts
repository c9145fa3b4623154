import {
  createRpc,
  defineFunction,
  registerApp,
  registerQueueWorker,
  type FunctionConfig,
  type QueueWire,
} from '@pikku/core'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { z } from 'zod'
import { User } from './app.ts'
import { worlds, type World } from '../worlds.ts'
import { Notebook } from './notebook.ts'

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
const loose = (value: unknown): never => value as never

let world: World
let queueService: ReturnType<World['queueService']>

registerApp({ queues: { orchestrator: 'turns', worker: 'steps' }, load: async () => ({ functions: {} }) })
registerQueueWorker({
  queueName: 'mail',
  func: defineFunction({
    input: z.object({ to: z.email() }),
    func: async (services, { to }) => {
      const { queue } = services as unknown as { queue: QueueWire }
      if (to === 'nothing@example.com') await queue.updateProgress({ at: () => 1 })
      if (to === 'never@example.com') queue.discard()
      return to === 'nobody@example.com' ? queue.fail() : queue.fail('the address is gone')
    },
  }) as FunctionConfig,
})

async function refuse(name: string, acts: Readonly<Record<string, () => unknown>>): Promise<void> {
  const notes = new Notebook()
  for (const [given, act] of Object.entries(acts)) await notes.refused(given, act)
  expect(await world.contents()).toMatchObject({ jobs: 0 })
  await notes.check(name)
}

describe.each(worlds)('on $name', ({ openWorld }) => {
  beforeAll(async () => {
    world = await openWorld()
    queueService = world.queueService()
    await queueService.init()
  })

  // Whatever the next one says.
  afterAll(() => world?.drop())

  afterAll(async () => {
    await queueService?.close()
    await vi.waitFor(async () => expect(await world.clients()).toBe(0))
  })

  test('jobs that cannot be added', async () => {
    const add = (options: object) => () => queueService.add('mail', 1, options)
    await refuse('queue-add', {
      "add('', 1)": () => queueService.add('', 1),
      "add('a b', 1)": () => queueService.add('a b', 1),
      'add(<201 characters>, 1)': () => queueService.add('q'.repeat(201), 1),
      'add(undefined, 1)': () => queueService.add(loose(undefined), 1),
      'add(…, () => 1)': () => queueService.add('mail', () => 1),
      'add(…, { user: new User() })': () => queueService.add('mail', { user: new User() }),
      "add(…, [1, Symbol('s')])": () => queueService.add('mail', [1, Symbol('s')]),
      'attempts: 0': add({ attempts: 0 }),
      'attempts: 1.5': add({ attempts: 1.5 }),
      'delay: -1': add({ delay: -1 }),
      "delay: '5s'": add({ delay: '5s' }),
      "priority: 'high'": add({ priority: 'high' }),
      "backoff: { type: 'linear', delay: 5 }": add({ backoff: { type: 'linear', delay: 5 } }),
      "backoff: { type: 'fixed', delay: -5 }": add({ backoff: { type: 'fixed', delay: -5 } }),
      "backoff: 'fixed'": add({ backoff: 'fixed' }),
      'removeOnComplete: { age: -1 }': add({ removeOnComplete: { age: -1 } }),
      'removeOnFail: 5': add({ removeOnFail: 5 }),
      'jobId: 7': add({ jobId: 7 }),
      'an unknown option: { retries: 3 }': add({ retries: 3 }),
      'an option of other queues: { deadLetter: … }': add({ deadLetter: 'graveyard' }),
      'an option of other queues: { repeat: … }': add({ repeat: { every: 1_000 } }),
      "getJob('a b', 'id')": () => queueService.getJob('a b', 'id'),
      "consume('mail', { concurrency: 0 })": () => queueService.consume('mail', { concurrency: 0 }, async () => 1),
      "consume('mail', { batchSize: 5 })": () => queueService.consume('mail', loose({ batchSize: 5 }), async () => 1),
      "consume('mail', { rateLimit: … })": () => queueService.consume('mail', loose({ rateLimit: {} }), async () => 1),
      'doorbell on one queue for both': () => queueService.doorbell({ orchestrator: 'one', worker: 'one' }),
    })
  })

  test('how a queue worker fails, and data that does not fit', async () => {
    const workflowService = world.workflowService(queueService)
    const services = { workflowService, queueService, logger: silent }
    createRpc(services)
    const workers = new world.Workers(services)
    await workers.registerQueues()
    const notes = new Notebook()
    const job = async (data: unknown) => {
      const id = await queueService.add('mail', data, { jobId: JSON.stringify(data) })
      return (await queueService.getJob('mail', id))?.waitForCompletion(10_000)
    }
    const given = {
      "add('mail', { to: 'nobody' })": 'nobody',
      "queue.fail('the address is gone')": 'a@example.com',
      'queue.fail()': 'nobody@example.com',
      'queue.discard()': 'never@example.com',
      'queue.updateProgress({ at: () => 1 })': 'nothing@example.com',
    }
    for (const [what, to] of Object.entries(given)) await notes.refused(what, () => job({ to }))
    const slow = await queueService.getJob('other', await queueService.add('other', 1, { jobId: 'slow' }))
    await notes.refused('waitForCompletion(20) of a job nobody works on', () => slow?.waitForCompletion(20))
    await notes.refused('waitForCompletion(-1)', () => slow?.waitForCompletion(-1))
    await world.removeJobs()
    await notes.refused('metadata() of a job that is gone', () => slow?.metadata())
    await notes.check('queue-worker')
    await workers.close()
    await workflowService.close()
    await world.removeJobs()
  })

  test('after close', async () => {
    const closed = world.queueService()
    await closed.init()
    await closed.close()
    await refuse('queue-after-close', {
      "add('mail', 1)": () => closed.add('mail', 1),
      "getJob('mail', 'id')": () => closed.getJob('mail', 'id'),
      'init()': () => closed.init(),
    })
  })
})
