import assert from 'node:assert/strict'
import { JobFailedError, WorkflowError } from '../../contract/index.ts'
import { door, until } from '../engine/until.ts'
import type { QueueTestGroup } from './queue-world.ts'

/** What a server's clock may be off this one's. */
const SKEW_MS = 2_000

function isNear(time: Date | undefined, from: number): boolean {
  return time !== undefined && time.getTime() >= from - SKEW_MS && time.getTime() <= Date.now() + SKEW_MS
}

/** What a promise rejects with; it may do so before anybody looks. */
function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => 'it did not reject',
    (error: unknown) => error,
  )
}

export const statusTests: QueueTestGroup = {
  name: 'status and metadata',
  tests: {
    'waiting, then active, then completed': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const id = await service.add(queue, 1)
      const job = await world.job(queue, id)
      assert.equal(await job.status(), 'waiting')
      const end = door()
      await world.worker(queue, () => end.opened)
      await until('it is active', async () => (await job.status()) === 'active')
      end.open()
      await until('it is completed', async () => (await job.status()) === 'completed')
    },

    'metadata tells priority, attempts and times, from the first moment to the end': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const from = Date.now()
      const id = await service.add(queue, 1, { priority: 7, attempts: 3 })
      const job = await world.job(queue, id, service)
      const { createdAt, ...fresh } = await job.metadata()
      assert.ok(isNear(createdAt, from))
      const nothing = { progress: undefined, startedAt: undefined, finishedAt: undefined, failedReason: undefined }
      assert.deepEqual(fresh, { ...nothing, attemptsMade: 0, attempts: 3, priority: 7 })
      await world.worker(queue, () => 'done')
      await job.waitForCompletion()
      const { startedAt, finishedAt, ...done } = await job.metadata()
      assert.ok(isNear(startedAt, from) && isNear(finishedAt, from) && finishedAt && startedAt)
      assert.ok(createdAt <= startedAt && startedAt <= finishedAt)
      const rest = { progress: undefined, failedReason: undefined, attemptsMade: 1, attempts: 3, priority: 7 }
      assert.deepEqual(done, { ...rest, createdAt })
    },

    'a job that was removed since is unknown': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 1, { removeOnComplete: { age: 0 } }), service)
      await world.worker(queue, () => 1)
      await until('it is removed', async () => (await job.status()) === 'unknown')
      await assert.rejects(job.metadata(), { code: 'JOB_NOT_FOUND' })
    },
  },
}

export const waitTests: QueueTestGroup = {
  name: 'waitForCompletion',
  tests: {
    'Q1: resolves with the result of a job that succeeds, and rejects for one that fails': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const [good, bad] = [await service.add(queue, 'good'), await service.add(queue, 'bad')]
      const waiting = [await world.job(queue, good), await world.job(queue, bad)].map((job) => job.waitForCompletion())
      const outcomes = Promise.allSettled(waiting)
      await world.worker(queue, (job) => {
        if (job.data === 'bad') throw new Error('no such address')
        return { sent: job.data }
      })
      const [sent, failed] = await outcomes
      assert.deepEqual(sent, { status: 'fulfilled', value: { sent: 'good' } })
      assert.ok(failed?.status === 'rejected' && failed.reason instanceof JobFailedError)
      assert.equal(failed.reason.reason, 'no such address')
      assert.ok(failed.reason.message.includes(bad) && failed.reason.message.includes('no such address'))
    },

    'of a job that has ended already': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const id = await service.add(queue, 1)
      await world.worker(queue, () => undefined)
      const job = await world.untilStatus(service, queue, id, 'completed')
      assert.equal(await job.waitForCompletion(0), undefined)
    },

    'waits through attempts that fail': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 1, { attempts: 3 }), service)
      const waiting = job.waitForCompletion()
      await world.worker(queue, ({ attempt }) => {
        if (attempt < 3) throw new Error('not yet')
        return attempt
      })
      assert.equal(await waiting, 3)
    },

    'after ttlMs it gives up; the job goes on': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 1), service)
      for (const ttlMs of [0, 60]) {
        await assert.rejects(job.waitForCompletion(ttlMs), { code: 'WAIT_TIMEOUT', message: /it is waiting/ })
      }
      await world.worker(queue, () => 'after all')
      assert.equal(await job.waitForCompletion(10_000), 'after all')
    },

    'refuses a bad ttlMs': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 1), service)
      for (const ttlMs of [-1, NaN, Infinity, '5s' as never]) {
        await assert.rejects(job.waitForCompletion(ttlMs), { code: 'INVALID_INPUT', message: /ttlMs/ })
      }
    },

    'says so when the job was removed before its end was seen': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 1, { removeOnComplete: { age: 0 } }), service)
      const waiting = rejectionOf(job.waitForCompletion())
      await world.worker(queue, () => 'gone')
      const error = await waiting
      assert.ok(WorkflowError.is(error, 'JOB_NOT_FOUND') && error.message.includes('was removed'), String(error))
    },

    'is over when its service is closed': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 1), service)
      const waiting = rejectionOf(job.waitForCompletion())
      await assert.rejects(job.waitForCompletion(20), { code: 'WAIT_TIMEOUT' }) // The other one waits by now.
      await service.close()
      const error = await waiting
      assert.ok(WorkflowError.is(error, 'CONFIGURATION') && error.message.includes('closed'), String(error))
    },

    'many wait for one job, and one for many': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const ids = await Promise.all(Array.from({ length: 30 }, (_, i) => service.add(queue, i)))
      const jobs = await Promise.all(ids.map((id) => world.job(queue, id, service)))
      const all = Promise.all([...jobs, ...jobs].map((job) => job.waitForCompletion()))
      await world.worker(queue, (job) => job.data, 5)
      const numbers = Array.from({ length: 30 }, (_, i) => i)
      assert.deepEqual(await all, [...numbers, ...numbers])
    },
  },
}

export const progressTests: QueueTestGroup = {
  name: 'updateProgress',
  tests: {
    'is seen from another process while the job runs; the latest wins': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const id = await service.add(queue, { kept: 'data' })
      const [first, second, end] = [door(), door(), door()]
      await world.worker(queue, async (job) => {
        await job.updateProgress(10)
        first.open()
        await second.opened
        await job.updateProgress({ done: 2n, of: new Date(5) })
        await end.opened
      })
      const job = await world.job(queue, id, service)
      await first.opened
      assert.equal((await job.metadata()).progress, 10)
      second.open()
      await until('the second is seen', async () => typeof (await job.metadata()).progress === 'object')
      assert.deepEqual((await job.metadata()).progress, { done: 2n, of: new Date(5) })
      assert.deepEqual((await world.job(queue, id)).data, { kept: 'data' })
      end.open()
      await job.waitForCompletion()
    },

    'outlives a failed attempt and the end of the job': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 1, { attempts: 2 }), service)
      const seen: unknown[] = []
      await world.worker(queue, async ({ attempt, updateProgress }) => {
        if (attempt === 2) return void seen.push((await job.metadata()).progress)
        await updateProgress('half')
        throw new Error('not yet')
      })
      await job.waitForCompletion()
      assert.deepEqual([...seen, (await job.metadata()).progress], ['half', 'half'])
    },

    'what cannot be kept is refused with its path': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 1), service)
      await world.worker(queue, ({ updateProgress }) => updateProgress({ at: () => 1 }))
      await assert.rejects(job.waitForCompletion(), /progress\.at/)
    },

    'is refused once the attempt is over': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 1), service)
      const later = Promise.withResolvers<(progress: unknown) => Promise<void>>()
      await world.worker(queue, ({ updateProgress }) => later.resolve(updateProgress))
      await job.waitForCompletion()
      const update = await later.promise
      await assert.rejects(update(1), (error) => WorkflowError.is(error, 'LEASE_LOST'))
      assert.equal((await job.metadata()).progress, undefined)
    },
  },
}
