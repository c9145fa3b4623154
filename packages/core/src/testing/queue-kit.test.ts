import assert from 'node:assert/strict'
import { describe, test } from 'vitest'
import type { JobDelivery, JobOptions, QueueJob, QueueService } from '../contract/index.ts'
import { defineQueueServiceTests, MemoryQueues, MemoryQueueService } from './index.ts'
import type { Difference, OpenQueues, TestRunner } from './index.ts'

type Break = (service: QueueService) => Partial<QueueService>

/** Methods of a class instance are not own properties: a broken service names each. */
function broken(service: QueueService, breaks: Break): QueueService {
  const sound: QueueService = {
    add: (queue, data, options) => service.add(queue, data, options),
    getJob: (queue, id) => service.getJob(queue, id),
    consume: (queue, options, handler) => service.consume(queue, options, handler),
    doorbell: (queues) => service.doorbell(queues),
    init: () => service.init(),
    close: () => service.close(),
  }
  return { ...sound, ...breaks(service) }
}

/** A break of what `add` is asked. */
function adding(change: (options: JobOptions) => JobOptions): Break {
  return (service) => ({ add: (queue, data, options = {}) => service.add(queue, data, change(options)) })
}

/** A break of what a handler is given. */
function delivering(change: (job: JobDelivery) => Partial<JobDelivery>): Break {
  return (service) => ({
    consume: (queue, options, handler) =>
      service.consume(queue, options, (job) => handler({ ...job, updateProgress: job.updateProgress, ...change(job) })),
  })
}

/** A break of what is read of a job. */
function reading(change: (job: QueueJob) => Partial<QueueJob>): Break {
  return (service) => ({
    getJob: async <In, Out>(queue: string, id: string) => {
      const job = await service.getJob<In, Out>(queue, id)
      return job && ({ ...job, ...change(job as QueueJob) } as QueueJob<In, Out>)
    },
  })
}

/** An option that is accepted and ignored. */
function without(option: keyof JobOptions): Break {
  return adding(({ [option]: _, ...rest }) => rest)
}

const breakages: Readonly<Record<string, Break>> = {
  'priority is ignored': without('priority'),
  'delay is ignored': without('delay'),
  'attempts is ignored': without('attempts'),
  'backoff is ignored': without('backoff'),
  'jobId is ignored': without('jobId'),
  'removeOnComplete is ignored': without('removeOnComplete'),
  'removeOnFail is ignored': without('removeOnFail'),
  'unknown options are ignored': adding(({ priority, delay, attempts, backoff, jobId, ...rest }) => ({
    ...(priority === undefined ? {} : { priority }),
    ...(delay === undefined ? {} : { delay }),
    ...(attempts === undefined ? {} : { attempts }),
    ...(backoff === undefined ? {} : { backoff }),
    ...(jobId === undefined ? {} : { jobId }),
    ...(rest.removeOnComplete === undefined ? {} : { removeOnComplete: rest.removeOnComplete }),
    ...(rest.removeOnFail === undefined ? {} : { removeOnFail: rest.removeOnFail }),
  })),
  'backoff is rounded up to seconds': adding((options) => {
    const { backoff } = options
    return backoff ? { ...options, backoff: { ...backoff, delay: Math.ceil(backoff.delay / 3_000) * 3_000 } } : options
  }),
  'values go through JSON': (service) => ({
    add: (queue, data, options) => service.add(queue, data === undefined ? data : toJson(data), options),
  }),
  'progress is dropped': delivering(() => ({ updateProgress: () => Promise.resolve() })),
  'attempts are counted from 0': delivering(({ attempt }) => ({ attempt: attempt - 1 })),
  'the signal never aborts': delivering(() => ({ signal: new AbortController().signal })),
  'the result is not stored': reading(() => ({ result: undefined })),
  'waiting never rejects': reading((job) => ({
    waitForCompletion: (ttlMs) => job.waitForCompletion(ttlMs).catch(() => 0),
  })),
  'a handler that discards is tried again': (service) => ({
    consume: (queue, options, handler) =>
      service.consume(queue, options, (job) =>
        handler(job).catch((error: unknown) => {
          throw new Error(error instanceof Error ? error.message : String(error))
        }),
      ),
  }),
  'a queue is consumed one job at a time': (service) => ({
    consume: (queue, options, handler) => service.consume(queue, { ...options, concurrency: 1 }, handler),
  }),
  'close leaves the workers working': () => ({ close: () => Promise.resolve() }),
}

function toJson(data: unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(data)) as unknown
  } catch {
    return data // What JSON does not take is left to be refused.
  }
}

function opener(breaks: Break): () => Promise<OpenQueues> {
  return () => {
    const queues = new MemoryQueues()
    const made = new Map<QueueService, MemoryQueueService>()
    return Promise.resolve({
      process: () => {
        const own = new MemoryQueueService(queues)
        const service = broken(own, breaks)
        made.set(service, own)
        return Promise.resolve(service)
      },
      vanish: (service) => Promise.resolve(made.get(service)?.vanish()),
      restart: () => Promise.resolve(),
      dispose: async () => {
        await Promise.all([...made.values()].map((own) => own.close()))
      },
    })
  }
}

/** Runs what the kit defines, all cases at once, and answers the full names of those that failed. */
async function failures(breaks: Break, differences: readonly Difference[] = []): Promise<string[]> {
  const cases: { name: string; body: () => Promise<void> }[] = []
  const path: string[] = []
  const runner: TestRunner = {
    describe: (name, body) => {
      path.push(name)
      body()
      path.pop()
    },
    test: (name, body) => cases.push({ name: [...path.slice(1), name].join(' › '), body }),
  }
  defineQueueServiceTests({ name: 'broken', runner, open: opener(breaks), differences })
  const failed: string[] = []
  const run = ({ name, body }: (typeof cases)[number]) => withinDeadline(body()).catch(() => failed.push(name))
  await Promise.all(cases.map(run))
  return failed
}

/** A case on a broken queue may wait for ever; a sound one takes two seconds. */
async function withinDeadline(body: Promise<void>): Promise<void> {
  const over = Promise.withResolvers<never>()
  const timer = setTimeout(() => over.reject(new Error('too long')), 5_000)
  await Promise.race([body, over.promise]).finally(() => clearTimeout(timer))
}

describe('the kit bites', () => {
  test('a sound queue passes', async () => {
    assert.deepEqual(await failures(() => ({})), [])
  }, 60_000)

  for (const [what, breaks] of Object.entries(breakages)) {
    test.concurrent(
      `on a queue where ${what}`,
      async () => {
        assert.ok((await failures(breaks)).length > 0, 'no case failed')
      },
      60_000,
    )
  }
})

describe('differences', () => {
  const reason = 'not here'

  test('one that names no case fails', async () => {
    const failed = await failures(() => ({}), [{ test: 'delay › no such case', reason }])
    assert.deepEqual(failed, ['every declared difference names a case'])
  }, 60_000)

  test('one that does not exist any more is stale and fails', async () => {
    const stale = 'attempts › one by default'
    assert.deepEqual(await failures(() => ({}), [{ test: stale, reason }]), [stale])
  }, 60_000)

  test('one that exists does not', async () => {
    const breaks = breakages['priority is ignored']
    assert.ok(breaks)
    const failed = await failures(breaks)
    const declared = failed.map((one) => ({ test: one, reason }))
    assert.deepEqual(await failures(breaks, declared), [])
  }, 60_000)
})
