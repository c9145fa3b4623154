import assert from 'node:assert/strict'
import { test } from 'vitest'
import type { Consumer, Doorbell, JobDelivery, QueueService, WorkerOptions } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import {
  createRegistry,
  defineFunction,
  defineWorkflow,
  type FunctionConfig,
  type FunctionWire,
  type Registry,
  type WorkflowConfig,
} from '../define/index.ts'
import { MemoryDoorbell, memoryPorts } from '../memory/index.ts'
import { QueueWorkers, WorkflowService, type QueueWorkersOptions } from './index.ts'

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

interface Consumed {
  readonly options: WorkerOptions
  readonly handler: (job: JobDelivery) => Promise<unknown>
  stoppedWith: number | null
}

interface Noted {
  readonly consumed: Map<string, Consumed>
  /** How many answer the doorbell. */
  readonly answering: { now: number }
  readonly away: { name: string | undefined }
}

/** A queue that notes who consumes what. */
function queue(refuse?: string): Noted & { service: QueueService } {
  const away = { name: refuse }
  const consumed = new Map<string, Consumed>()
  const answering = { now: 0 }
  const bell = new MemoryDoorbell()
  const doorbell: Doorbell = {
    ring: (items) => bell.ring(items),
    answer: async (roles, handler) => {
      const answers = await bell.answer(roles, handler)
      answering.now += 1
      return {
        stop: async () => {
          await answers.stop()
          answering.now -= 1
        },
      }
    },
  }
  const notUsed = (): Promise<never> => Promise.reject(new Error('not in this test'))
  const consume: QueueService['consume'] = (name, options, handler) => {
    if (name === away.name) return Promise.reject(new Error(`${name} cannot be consumed`))
    const own: Consumed = { options, handler, stoppedWith: null }
    consumed.set(name, own)
    const consumer: Consumer = { stop: (graceMs) => Promise.resolve(void (own.stoppedWith = graceMs)) }
    return Promise.resolve(consumer)
  }
  const done = (): Promise<void> => Promise.resolve()
  return {
    service: { add: notUsed, getJob: notUsed, consume, doorbell: () => doorbell, init: done, close: done },
    consumed,
    answering,
    away,
  }
}

const mail = defineFunction(async (services: object & FunctionWire, data: { to: string }) => {
  const { queue: wire, rpc } = services
  if (data.to === 'nobody') wire?.fail('no such address')
  if (data.to === 'never') wire?.discard('never was')
  await wire?.updateProgress({ half: true })
  return { sent: await rpc.invoke('echo', data.to), queue: wire?.queueName, job: wire?.jobId, depth: rpc.depth }
}) as FunctionConfig
const echo = defineFunction((_services: object, data: unknown) => data) as FunctionConfig

const order = defineWorkflow((_services: object, input: unknown) => input) as WorkflowConfig

function registry(): Registry {
  const queueWorkers = [
    { queueName: 'mail', func: mail, config: { concurrency: 3 } },
    { queueName: 'audit', func: echo },
  ]
  return createRegistry({ queueWorkers, functions: { echo }, workflows: [{ name: 'order', func: order }] })
}

function workersOf(given: { options?: QueueWorkersOptions; refuse?: string } = {}): Noted & {
  workers: QueueWorkers
  service: WorkflowService
} {
  const { service: queueService, ...noted } = queue(given.refuse)
  const service = new WorkflowService(memoryPorts(), queueService)
  const services = { workflowService: service, queueService, logger: silent }
  service.bind(services, registry())
  return { workers: new QueueWorkers(services, given.options), service, ...noted }
}

const job = (queueName: string, data: unknown, told: unknown[] = []): JobDelivery => {
  const updateProgress = (progress: unknown): Promise<void> => Promise.resolve(void told.push(progress))
  return { id: 'job 1', queueName, data, attempt: 1, signal: new AbortController().signal, updateProgress }
}

test('F43: everything wired is consumed, each with its own concurrency', async () => {
  const { workers, service, consumed } = workersOf({ options: { concurrency: { audit: 7 } } })
  await workers.registerQueues()
  await workers.registerQueues()
  assert.deepEqual([...consumed.keys()], ['mail', 'audit'])
  assert.deepEqual([consumed.get('mail')?.options.concurrency, consumed.get('audit')?.options.concurrency], [3, 7])
  const refused = { graceMs: '10s' as unknown as number }
  await assert.rejects(workers.close(refused), /'graceMs' must be a whole number of milliseconds, found '10s'/)
  await workers.close({ graceMs: 5 })
  assert.equal(consumed.get('mail')?.stoppedWith, 5)
  await service.close()
})

test('only: those and no others', async () => {
  const { workers, service, consumed } = workersOf({ options: { only: ['audit'] } })
  await workers.registerQueues()
  assert.deepEqual([...consumed.keys()], ['audit'])
  await workers.close()
  await service.close()
})

test('F41: a queue that cannot be registered is an error, and closing still works', async () => {
  const { workers, service } = workersOf({ refuse: 'audit' })
  await assert.rejects(workers.registerQueues(), /audit cannot be consumed/)
  await workers.close({ graceMs: 0 })
  await service.close()
})

test('F41: what could not be registered leaves nothing at work, and may be tried again', async () => {
  const { workers, service, consumed, answering, away } = workersOf({ refuse: 'audit' })
  await assert.rejects(workers.registerQueues(), /audit cannot be consumed/)
  assert.equal(consumed.get('mail')?.stoppedWith, 0)
  assert.equal(answering.now, 0)
  const { runId } = await service.startRun('order', 1)
  away.name = undefined
  await workers.registerQueues()
  assert.ok(answering.now > 0)
  assert.equal(await service.waitForRun(runId, { timeout: '10s' }), 1)
  assert.equal(consumed.get('audit')?.stoppedWith, null)
  await workers.close()
  assert.equal(consumed.get('mail')?.stoppedWith, 10_000)
  await service.close()
})

test('F42: a queue that does not exist is an error that names those that do', async () => {
  for (const options of [{ only: ['mial'] }, { concurrency: { mial: 2 } }]) {
    const { workers, service } = workersOf({ options })
    await assert.rejects(workers.registerQueues(), /'mial'.*'mail'/)
    await workers.close()
    await service.close()
  }
  const { workers } = workersOf({ options: { concurrency: { mail: 0 } } })
  await assert.rejects(workers.registerQueues(), /'mail'.*whole number/)
})

test('a wired function gets its data, its queue and an rpc; what it returns is the job’s result', async () => {
  const { workers, service, consumed } = workersOf()
  await workers.registerQueues()
  const handler = consumed.get('mail')?.handler
  assert.ok(handler)
  const told: unknown[] = []
  const result = await handler(job('mail', { to: 'a@b.c' }, told))
  assert.deepEqual(result, { sent: 'a@b.c', queue: 'mail', job: 'job 1', depth: 1 })
  assert.deepEqual(told, [{ half: true }])
  await assert.rejects(handler(job('mail', { to: 'nobody' })), { name: 'Error', message: 'no such address' })
  await assert.rejects(handler(job('mail', { to: 'never' })), { name: 'NonRetryableError', message: 'never was' })
  await workers.close()
  await service.close()
})

test('services without a workflow service or a queue service say what is missing', async () => {
  assert.throws(
    () => new QueueWorkers({}),
    (error) => WorkflowError.is(error, 'CONFIGURATION'),
  )
  const service = new WorkflowService(memoryPorts(), undefined)
  const services = { workflowService: service, logger: silent }
  service.bind(services, registry())
  await assert.rejects(new QueueWorkers(services).registerQueues(), (error) => WorkflowError.is(error, 'CONFIGURATION'))
  await service.close()
})

test('the workflow service’s own queue service is enough', async () => {
  const { service: queueService, consumed } = queue()
  const service = new WorkflowService(memoryPorts(), queueService)
  const services = { workflowService: service, logger: silent }
  service.bind(services, registry())
  const workers = new QueueWorkers(services)
  await workers.registerQueues()
  assert.equal(consumed.size, 2)
  await workers.close()
  await service.close()
})
