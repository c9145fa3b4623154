import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { QueueService } from '../../contract/index.ts'
import { door, until } from '../engine/until.ts'
import type { QueueTestGroup } from './queue-world.ts'

export const closingTests: QueueTestGroup = {
  name: 'closing while working',
  tests: {
    'stop waits for what is under way, and takes no more': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const [begun, end] = [door(), door()]
      let runs = 0
      const handler = async (): Promise<void> => {
        runs++
        begun.open()
        await end.opened
      }
      const { consumer } = await world.worker(queue, handler, 2)
      const id = await service.add(queue, 1)
      await begun.opened
      const stopped = consumer.stop(10_000)
      const second = await service.add(queue, 2)
      // It has room, and the time in which another worker takes a job that came later.
      const other = world.queue('other')
      await world.worker(other, () => 1)
      await world.untilStatus(service, other, await service.add(other, 3), 'completed')
      end.open()
      await stopped
      assert.equal(await (await world.job(queue, id)).status(), 'completed')
      assert.equal(await (await world.job(queue, second)).status(), 'waiting')
      assert.equal(runs, 1)
    },

    'after the grace the signal aborts, the job goes to another at once, and what comes late is dropped': async (
      world,
    ) => {
      const queue = world.queue()
      const service = await world.process()
      const begun = door()
      const late = Promise.withResolvers<unknown>()
      const { consumer } = await world.worker(queue, async (job) => {
        begun.open()
        await once(job.signal, 'abort')
        late.resolve(await job.updateProgress('too late').catch((error: unknown) => error))
        return 'too late'
      })
      const id = await service.add(queue, 'x')
      await begun.opened
      await consumer.stop(20)
      const attempts: number[] = []
      await world.worker(queue, ({ attempt }) => `attempt ${attempts.push(attempt)}`)
      const job = await world.job(queue, id)
      assert.equal(await job.waitForCompletion(), 'attempt 1')
      assert.equal(Reflect.get(Object(await late.promise), 'code'), 'LEASE_LOST')
      // Given back is not failed: it had one attempt, and has it still.
      assert.deepEqual(attempts, [1])
      assert.deepEqual([await job.waitForCompletion(), (await job.metadata()).progress], ['attempt 1', undefined])
      assert.equal((await job.metadata()).attemptsMade, 1)
    },

    'close gives back what is under way': async (world) => {
      const queue = world.queue()
      const begun = door()
      const { service } = await world.worker(queue, () => {
        begun.open()
        return new Promise(() => undefined)
      })
      const id = await service.add(queue, 1, { attempts: 2 })
      await begun.opened
      await service.close()
      const job = await world.job(queue, id)
      assert.deepEqual([await job.status(), (await job.metadata()).attemptsMade], ['waiting', 0])
    },

    'stopping and closing twice is stopping and closing': async (world) => {
      const queue = world.queue()
      const { service, consumer } = await world.worker(queue, () => 1)
      await Promise.all([consumer.stop(10), consumer.stop(10)])
      await Promise.all([service.close(), service.close()])
      await service.close()
    },

    'after close every call is refused': async (world) => {
      const service = await world.process()
      const queue = world.queue()
      const id = await service.add(queue, 1)
      const job = await world.job(queue, id, service)
      await service.close()
      const calls: readonly ((closed: QueueService) => Promise<unknown>)[] = [
        (closed) => closed.add(queue, 1),
        (closed) => closed.getJob(queue, id),
        (closed) => closed.consume(queue, {}, async () => 1),
        (closed) => closed.init(),
        () => job.status(),
        () => job.metadata(),
        () => job.waitForCompletion(),
      ]
      for (const call of calls) await assert.rejects(call(service), { code: 'CONFIGURATION', message: /closed/ })
    },
  },
}

export const lostTests: QueueTestGroup = {
  name: 'a worker that died',
  tests: {
    'has lost its attempt: the next one goes to another worker': async (world) => {
      const queue = world.queue()
      const begun = door()
      const { service } = await world.worker(queue, async ({ updateProgress }) => {
        await updateProgress('half')
        begun.open()
        await new Promise(() => undefined)
      })
      const other = await world.process()
      const id = await other.add(queue, 1, { attempts: 2 })
      await begun.opened
      await world.vanish(service)
      const attempts: number[] = []
      await world.worker(queue, ({ attempt }) => `attempts ${attempts.push(attempt)}`)
      const job = await world.job(queue, id, other)
      assert.equal(await job.waitForCompletion(), 'attempts 1')
      const { attemptsMade, progress } = await job.metadata()
      assert.deepEqual([attempts, attemptsMade, progress], [[2], 2, 'half'])
    },

    'has failed the job when that was its last attempt': async (world) => {
      const queue = world.queue()
      const begun = door()
      const { service } = await world.worker(queue, () => {
        begun.open()
        return new Promise(() => undefined)
      })
      const other = await world.process()
      const id = await other.add(queue, 1)
      await begun.opened
      await world.vanish(service)
      let runs = 0
      await world.worker(queue, () => ++runs)
      const job = await world.untilStatus(other, queue, id, 'failed')
      assert.deepEqual([runs, (await job.metadata()).attemptsMade], [0, 1])
      assert.ok((await job.metadata()).failedReason)
    },
  },
}

export const restartTests: QueueTestGroup = {
  name: 'server restart',
  ownServer: true,
  tests: {
    'nothing that was added is lost, and everybody goes on': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const [begun, end] = [door(), door()]
      await world.worker(queue, async (job) => {
        if (job.data === 'under way') {
          await job.updateProgress('half')
          begun.open()
          await end.opened
        }
        return job.data
      })
      const done = await service.add(queue, 'done')
      await world.untilStatus(service, queue, done, 'completed')
      const delayed = await service.add(queue, 'delayed', { delay: 1_000 })
      const underWay = await world.job(queue, await service.add(queue, 'under way'), service)
      await begun.opened
      await world.restart()
      end.open()
      const added = Promise.withResolvers<string>()
      await until('a job is taken', async () => {
        const id = await service.add(queue, 'after', { jobId: 'after' }).catch(() => null) // Not back yet.
        if (id !== null) added.resolve(id)
        return id !== null
      })
      const after = await world.job(queue, await added.promise, service)
      assert.equal(await after.waitForCompletion(30_000), 'after')
      assert.equal(await underWay.waitForCompletion(30_000), 'under way')
      assert.equal((await underWay.metadata()).progress, 'half')
      assert.equal(await (await world.job(queue, delayed, service)).waitForCompletion(30_000), 'delayed')
      assert.equal((await world.job(queue, done, service)).result, 'done')
    },

    'whoever waits for a job is told although the server was away': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 'x'), service)
      const waiting = Promise.allSettled([job.waitForCompletion()])
      await world.restart()
      await world.worker(queue, ({ data }) => data)
      assert.deepEqual(await waiting, [{ status: 'fulfilled', value: 'x' }])
    },
  },
}
