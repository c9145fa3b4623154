import assert from 'node:assert/strict'
import type { WorkerOptions } from '../../contract/index.ts'
import { door, pause, until } from '../engine/until.ts'
import type { QueueTestGroup } from './queue-world.ts'

const badOptions = [{ concurrency: 0 }, { concurrency: 1.5 }, { concurrency: '3' }, { batchSize: 5 }, null]
const notInThisRelease = ['limiter', 'rateLimit', 'deadLetter']

export const workerTests: QueueTestGroup = {
  name: 'workers',
  tests: {
    'F43: up to concurrency at once, and a slow job holds up no other': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const slow = door()
      let [now, most, done] = [0, 0, 0]
      const handler = async ({ data }: { data: unknown }): Promise<void> => {
        most = Math.max(most, ++now)
        await (data === 'slow' ? slow.opened : pause(5))
        now--
        done++
      }
      await world.worker(queue, handler, 3)
      await service.add(queue, 'slow')
      for (let i = 0; i < 20; i++) await service.add(queue, i)
      await until('all but the slow one are done', () => done === 20)
      slow.open()
      await until('all are done', () => done === 21)
      assert.equal(most, 3)
    },

    'one at a time by default': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      let [now, most, done] = [0, 0, 0]
      await service.consume(queue, {}, async () => {
        most = Math.max(most, ++now)
        await pause(5)
        now--
        done++
      })
      await Promise.all(Array.from({ length: 8 }, (_, i) => service.add(queue, i)))
      await until('all are done', () => done === 8)
      assert.equal(most, 1)
    },

    'F35: two workers share a queue: each job once, settled by its own outcome': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const ran: [worker: number, data: unknown][] = []
      for (const worker of [1, 2]) {
        const handler = async ({ data }: { data: unknown }): Promise<number> => {
          ran.push([worker, data])
          await pause(10)
          if (Number(data) % 5 === 0) throw new Error('every fifth')
          return Number(data) * 10
        }
        await world.worker(queue, handler, 4)
      }
      const ids = await Promise.all(Array.from({ length: 60 }, (_, i) => service.add(queue, i)))
      const jobs = await Promise.all(ids.map((id) => world.job(queue, id, service)))
      const outcomes = await Promise.allSettled(jobs.map((job) => job.waitForCompletion()))
      const expected = Array.from({ length: 60 }, (_, i) => (i % 5 === 0 ? 'rejected' : i * 10))
      assert.deepEqual(
        outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.status)),
        expected,
      )
      assert.equal(new Set(ran.map(([, data]) => data)).size, 60)
      assert.equal(ran.length, 60)
      assert.deepEqual(new Set(ran.map(([worker]) => worker)), new Set([1, 2]))
    },

    'F15: jobs that were added before any worker lived wait for one': async (world) => {
      const queue = world.queue()
      const producer = await world.process()
      const id = await producer.add(queue, 'early')
      await producer.close()
      await world.worker(queue, ({ data }) => data)
      assert.equal(await (await world.job(queue, id)).waitForCompletion(), 'early')
    },

    'a worker gets the jobs of its queue and of no other': async (world) => {
      const service = await world.process()
      const ran: unknown[] = []
      await world.worker(world.queue('mine'), ({ data }) => ran.push(data))
      const theirs = await service.add(world.queue('theirs'), 'theirs')
      const mine = await service.add(world.queue('mine'), 'mine')
      await world.untilStatus(service, world.queue('mine'), mine, 'completed')
      assert.equal(await (await world.job(world.queue('theirs'), theirs, service)).status(), 'waiting')
      assert.deepEqual(ran, ['mine'])
    },

    'a process may consume several queues, and one queue twice': async (world) => {
      const service = await world.process()
      const queues = [world.queue('one'), world.queue('two'), world.queue('two')]
      const ran: unknown[] = []
      for (const queue of queues) await service.consume(queue, {}, async ({ data }) => void ran.push(data))
      for (const queue of queues) await service.add(queue, queue)
      await until('all ran', () => ran.length === 3)
      assert.deepEqual(ran.map(String).toSorted(), queues.toSorted())
    },

    'refuses bad and unknown options': async (world) => {
      const service = await world.process()
      for (const options of badOptions) {
        const consuming = service.consume(world.queue(), options as WorkerOptions, async () => 1)
        await assert.rejects(consuming, { code: 'INVALID_INPUT' })
      }
    },

    'rate limits and dead letters are not in this release, and say so': async (world) => {
      const service = await world.process()
      for (const name of notInThisRelease) {
        const consuming = service.consume(world.queue(), { [name]: {} }, async () => 1)
        await assert.rejects(consuming, { code: 'INVALID_INPUT', message: /is not in this release/ })
      }
    },
  },
}
