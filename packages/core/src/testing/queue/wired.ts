import assert from 'node:assert/strict'
import type { QueueService } from '../../contract/index.ts'
import { createRegistry, defineFunction, type FunctionConfig, type FunctionWire } from '../../define/index.ts'
import { memoryPorts } from '../../memory/index.ts'
import { QueueWorkers, WorkflowService } from '../../service/index.ts'
import { pause, until } from '../engine/until.ts'
import type { QueueTestGroup, QueueWorld } from './queue-world.ts'

type Func = (services: object & FunctionWire, data: unknown) => unknown

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined }

/** A process with an app whose queue `queue` is wired to `func`. */
async function wire(world: QueueWorld, func: Func, concurrency?: number): Promise<QueueService> {
  const queueService = await world.process()
  const config = concurrency === undefined ? {} : { config: { concurrency } }
  const queueWorkers = [{ queueName: world.queue(), func: defineFunction(func) as FunctionConfig, ...config }]
  const workflowService = new WorkflowService(memoryPorts(), queueService)
  const services = { workflowService, queueService, logger: silent }
  workflowService.bind(services, createRegistry({ queueWorkers }))
  const workers = new QueueWorkers(services, { only: [world.queue()] })
  await workers.registerQueues()
  return queueService
}

export const wiredTests: QueueTestGroup = {
  name: 'wireQueueWorker',
  tests: {
    'a wired function has its data, queue, jobId and progress, and returns the result': async (world) => {
      const service = await wire(world, async ({ queue }, data) => {
        await queue?.updateProgress({ done: 1 })
        return { data, queueName: queue?.queueName, jobId: queue?.jobId }
      })
      await service.add(world.queue(), 'x', { jobId: 'mine' })
      const job = await world.job(world.queue(), 'mine')
      const result = await job.waitForCompletion()
      assert.deepEqual(result, { data: 'x', queueName: world.queue(), jobId: 'mine' })
      assert.deepEqual((await job.metadata()).progress, { done: 1 })
    },

    'queue.fail fails this attempt; others follow': async (world) => {
      let attempts = 0
      const service = await wire(world, ({ queue }) => (++attempts < 2 ? queue?.fail('not yet') : 'done'))
      const id = await service.add(world.queue(), 1, { attempts: 3 })
      assert.equal(await (await world.job(world.queue(), id)).waitForCompletion(), 'done')
      assert.equal(attempts, 2)
    },

    'queue.fail and queue.discard without a reason have one of their own': async (world) => {
      const service = await wire(world, ({ queue }, data) => (data === 'fail' ? queue?.fail() : queue?.discard()))
      for (const what of ['fail', 'discard']) {
        const id = await service.add(world.queue(), what)
        const job = await world.untilStatus(service, world.queue(), id, 'failed')
        assert.equal((await job.metadata()).failedReason, `${what}ed by its worker`)
      }
    },

    'queue.discard fails the job for good': async (world) => {
      let attempts = 0
      const service = await wire(world, ({ queue }) => queue?.discard(`after ${++attempts}`))
      const id = await service.add(world.queue(), 1, { attempts: 5 })
      const job = await world.untilStatus(service, world.queue(), id, 'failed')
      assert.equal((await job.metadata()).failedReason, 'after 1')
    },

    'config.concurrency is how many run at once': async (world) => {
      let [now, most, done] = [0, 0, 0]
      const func = async (): Promise<void> => {
        most = Math.max(most, ++now)
        await pause(20)
        now--
        done++
      }
      const service = await wire(world, func, 3)
      await Promise.all(Array.from({ length: 12 }, (_, i) => service.add(world.queue(), i)))
      await until('all are done', () => done === 12)
      assert.equal(most, 3)
    },
  },
}
