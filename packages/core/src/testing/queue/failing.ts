import assert from 'node:assert/strict'
import { NonRetryableError, WorkflowError } from '../../contract/index.ts'
import { until } from '../engine/until.ts'
import type { QueueTestGroup, QueueWorld } from './queue-world.ts'

/** A job that fails for good by what `handler` throws; answers its metadata. */
async function failed(world: QueueWorld, attempts: number, handler: (attempt: number) => unknown) {
  const queue = world.queue()
  const service = await world.process()
  const id = await service.add(queue, 1, { attempts })
  await world.worker(queue, ({ attempt }) => handler(attempt))
  const job = await world.untilStatus(service, queue, id, 'failed')
  assert.equal(job.result, undefined)
  return await job.metadata()
}

function throws(thrown: unknown): () => never {
  return () => {
    throw thrown
  }
}

export const failTests: QueueTestGroup = {
  name: 'fail',
  tests: {
    'what a handler throws fails the job, and its message is the reason': async (world) => {
      const { failedReason, attemptsMade, finishedAt } = await failed(world, 1, throws(new Error('no such address')))
      assert.deepEqual([failedReason, attemptsMade], ['no such address', 1])
      assert.ok(finishedAt)
    },

    'whatever is thrown: text, nothing, an error with words no database takes': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const unspeakable = new Error('no \u0000\ud800')
      const thrown = new Map<string, unknown>([
        ['text', 'just words'],
        ['nothing', undefined],
        ['unspeakable', unspeakable],
      ])
      await world.worker(queue, (job) => throws(thrown.get(String(job.data)))(), 3)
      const reasons: unknown[] = []
      for (const what of thrown.keys()) {
        const job = await world.untilStatus(service, queue, await service.add(queue, what), 'failed')
        reasons.push((await job.metadata()).failedReason)
      }
      assert.deepEqual(reasons, ['just words', 'undefined', 'no \ufffd\ufffd'])
    },

    'a result that cannot be kept fails the job and says where': async (world) => {
      const { failedReason, attemptsMade } = await failed(world, 3, () => ({ save: () => 1 }))
      assert.match(String(failedReason), /result\.save cannot be kept/)
      assert.equal(attemptsMade, 1)
    },

    'the reason of a failed attempt is there while the next one is waited for, and gone once it completed': async (
      world,
    ) => {
      const queue = world.queue()
      const service = await world.process()
      const backoff = { type: 'fixed', delay: 1_500 } as const
      const job = await world.job(queue, await service.add(queue, 1, { attempts: 2, backoff }), service)
      await world.worker(queue, ({ attempt }) => (attempt === 1 ? throws(new Error('once'))() : 'fine'))
      await until('the first attempt failed', async () => (await job.metadata()).failedReason === 'once')
      assert.equal((await job.metadata()).finishedAt, undefined)
      assert.equal(await job.waitForCompletion(), 'fine')
      assert.equal((await job.metadata()).failedReason, undefined)
    },
  },
}

export const discardTests: QueueTestGroup = {
  name: 'discard',
  tests: {
    'a NonRetryableError fails the job at once, attempts left or not': async (world) => {
      const { failedReason, attemptsMade, attempts } = await failed(world, 5, throws(new NonRetryableError('never')))
      assert.deepEqual([failedReason, attemptsMade, attempts], ['never', 1, 5])
    },

    'in a later attempt as well': async (world) => {
      const handler = (attempt: number): never =>
        throws(attempt < 2 ? new Error('again') : new NonRetryableError('no'))()
      const { failedReason, attemptsMade } = await failed(world, 5, handler)
      assert.deepEqual([failedReason, attemptsMade], ['no', 2])
    },

    'so does any error that says of itself it is not retryable': async (world) => {
      const thrown = throws(new WorkflowError('INVALID_INPUT', 'does not fit'))
      const { failedReason, attemptsMade } = await failed(world, 5, thrown)
      assert.deepEqual([failedReason, attemptsMade], ['does not fit', 1])
    },
  },
}

export const attemptTests: QueueTestGroup = {
  name: 'attempts',
  tests: {
    'one by default': async (world) => {
      const attempts: number[] = []
      const metadata = await failed(world, 1, (attempt) => throws(new Error(`no ${attempts.push(attempt)}`))())
      assert.deepEqual([attempts, metadata.attemptsMade], [[1], 1])
    },

    'as many as allowed, numbered from 1, and no more': async (world) => {
      const attempts: number[] = []
      const metadata = await failed(world, 3, (attempt) => throws(new Error(`no ${attempts.push(attempt)}`))())
      assert.deepEqual([attempts, metadata.attemptsMade, metadata.failedReason], [[1, 2, 3], 3, 'no 3'])
    },

    'ends with the first that succeeds': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const job = await world.job(queue, await service.add(queue, 1, { attempts: 4 }), service)
      const attempts: number[] = []
      await world.worker(queue, ({ attempt }) => {
        if (attempts.push(attempt) < 3) throw new Error('not yet')
        return 'at last'
      })
      assert.equal(await job.waitForCompletion(), 'at last')
      assert.deepEqual([attempts, (await job.metadata()).attemptsMade], [[1, 2, 3], 3])
    },
  },
}

/** When each attempt of a job that always fails began. */
async function beginnings(
  world: QueueWorld,
  attempts: number,
  backoff: { type: 'fixed' | 'exponential'; delay: number },
) {
  const queue = world.queue()
  const service = await world.process()
  const id = await service.add(queue, 1, { attempts, backoff })
  const times: number[] = []
  await world.worker(queue, () => throws(new Error(`no ${times.push(performance.now())}`))())
  await world.untilStatus(service, queue, id, 'failed')
  return times.slice(1).map((time, i) => time - (times[i] ?? 0))
}

/** Timers of servers may be a millisecond early by their rounding. */
function assertAtLeast(gaps: readonly number[], least: readonly number[]): void {
  assert.equal(gaps.length, least.length)
  for (const [i, gap] of gaps.entries()) assert.ok(gap >= (least[i] ?? 0) - 2, `gap ${i} is ${gap} ms: ${gaps.join()}`)
  const total = gaps.reduce((sum, gap) => sum + gap, 0)
  const wanted = least.reduce((sum, gap) => sum + gap, 0)
  assert.ok(total < wanted + 4_000, `${total} ms instead of ${wanted}: ${gaps.join()}`)
}

export const backoffTests: QueueTestGroup = {
  name: 'backoff',
  tests: {
    'F25: fixed is a minimum, in milliseconds': async (world) => {
      assertAtLeast(await beginnings(world, 3, { type: 'fixed', delay: 130 }), [130, 130])
    },

    'F25: exponential doubles with every attempt': async (world) => {
      assertAtLeast(await beginnings(world, 4, { type: 'exponential', delay: 110 }), [110, 220, 440])
    },

    'a job that waits for its next attempt is delayed': async (world) => {
      const queue = world.queue()
      const service = await world.process()
      const backoff = { type: 'fixed', delay: 60_000 } as const
      const id = await service.add(queue, 1, { attempts: 2, backoff })
      await world.worker(queue, throws(new Error('no')))
      await world.untilStatus(service, queue, id, 'delayed')
    },
  },
}
