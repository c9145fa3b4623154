import { randomUUID } from 'node:crypto'
import { WorkflowError } from '@pikku/core/contract'
import type {
  Consumer,
  Doorbell,
  JobDelivery,
  JobOptions,
  Logger,
  QueueJob,
  QueueService,
  WorkerOptions,
  WorkflowQueues,
} from '@pikku/core/contract'
import { checkQueueName, concurrencyOf, describe, planJob, toQueueJob, uuidOf } from '@pikku/core/queue'
import type { JobRecord } from '@pikku/core/queue'
import type { Queue } from 'bullmq'
import { BullDoorbell } from './bull-doorbell.ts'
import { readJob } from './bull-job.ts'
import { BullConnection } from './connection.ts'
import { makeEnvelope } from './job-data.ts'
import { JobEvents } from './job-events.ts'
import { isJobId } from './job-id.ts'
import { overBefore, toJobsOptions } from './job-options.ts'
import { QueueConsumer } from './queue-consumer.ts'
import type { RedisSource } from './redis-source.ts'
import { removeOver } from './scripts.ts'

/** The last argument of `BullQueueService`. */
export interface BullQueueServiceOptions {
  /** What all keys begin with. Default `bull`, as everywhere with BullMQ. */
  readonly prefix?: string
  /** Where lost connections and dropped messages are reported. Default: warnings and errors on the console. */
  readonly logger?: Logger
}

/**
 * Queues on Redis with BullMQ: jobs of your own, and the doorbell of the workflow engine.
 *
 * Takes a URL, options of ioredis, or a `Redis` or `Cluster` of it, whose options are taken: connections are its own, made
 * on first use, and `close()` ends them. What is passed in is left as it is.
 *
 * @example
 * const queueService = new BullQueueService('redis://localhost:6379')
 * const id = await queueService.add('mail', { to: 'a@b.c' }, { attempts: 3 })
 * const job = await queueService.getJob('mail', id)
 */
export class BullQueueService implements QueueService {
  readonly #connection: BullConnection
  readonly #logger: Logger
  readonly #consumers = new Set<QueueConsumer>()
  readonly #doorbells = new Set<BullDoorbell>()
  readonly #events = new Map<string, JobEvents>()
  readonly #prepared = new Set<string>()
  #closing: Promise<void> | undefined

  /**
   * Opens nothing.
   *
   * @throws `WorkflowError` with code `CONFIGURATION` for what is no connection, or one with a `keyPrefix`; `INVALID_NAME` for
   *   a bad prefix
   */
  constructor(source: RedisSource, options: BullQueueServiceOptions = {}) {
    this.#logger = options.logger ?? consoleLogger
    this.#connection = new BullConnection(source, checkPrefix(options.prefix ?? 'bull'), this.#logger)
  }

  /**
   * Put a job into a queue. Any string may be a `jobId`; while its job is known, adding it again changes nothing and
   * answers the same id. Finished jobs are kept a day when completed and a week when failed, unless `removeOnComplete`
   * or `removeOnFail` say.
   */
  async add(queueName: string, data: unknown, options: JobOptions = {}): Promise<string> {
    const name = checkQueueName(queueName)
    const plan = planJob(options)
    const envelope = makeEnvelope(data, plan)
    const { jobId } = plan
    const id = jobId === undefined ? randomUUID() : uuidOf('job', name, jobId)
    const queue = await this.#connection.queue(name)
    await this.#prepare(queue)
    // A job whose time is over may still be in the way.
    if (jobId !== undefined) await this.#removeOver(queue, id)
    await queue.add('job', envelope, { ...toJobsOptions(plan), jobId: id })
    return jobId ?? id
  }

  /** The job, from any process; null when there is none with this id (any more), or no such queue. */
  async getJob<In = unknown, Out = unknown>(queueName: string, jobId: string): Promise<QueueJob<In, Out> | null>
  async getJob(queueName: string, jobId: string): Promise<QueueJob | null> {
    const name = checkQueueName(queueName)
    const queue = await this.#connection.queue(name)
    // Our own ids are BullMQ's; the caller's are mapped.
    const mapped = uuidOf('job', name, String(jobId))
    for (const id of isJobId(jobId) ? [jobId, mapped] : [mapped]) {
      const read = (): Promise<JobRecord | null> => this.#read(name, id)
      const record = await readJob(queue, id, name)
      if (record) return toQueueJob(record, { read, changed: (signal) => this.#eventsOf(name).ended(id, signal) })
    }
    return null
  }

  /**
   * Hand the jobs of a queue to `handler`, `concurrency` at once. What it returns is the job's result, what it throws
   * fails the attempt. A worker that dies loses the attempt: half a minute to a minute and a half later the job is tried
   * again if it has attempts left, and has failed if not.
   */
  async consume(
    queueName: string,
    options: WorkerOptions,
    handler: (job: JobDelivery) => Promise<unknown>,
  ): Promise<Consumer> {
    const queue = checkQueueName(queueName)
    const concurrency = concurrencyOf(options)
    await this.#prepare(await this.#connection.queue(queue))
    const parts = { connection: this.#connection, logger: this.#logger }
    const consumer = await QueueConsumer.start({ queue, concurrency, handler, ...parts })
    this.#consumers.add(consumer)
    return consumer
  }

  /** What the engine rings and answers, on these two queues: for `WorkflowService` and for engines of one's own. */
  doorbell(queues: WorkflowQueues): Doorbell {
    checkQueueName(queues.orchestrator)
    checkQueueName(queues.worker)
    if (queues.orchestrator === queues.worker) {
      throw new WorkflowError('CONFIGURATION', `runs and steps need a queue each; both are '${queues.worker}'`)
    }
    const doorbell = new BullDoorbell(this.#connection, queues, this.#logger)
    this.#doorbells.add(doorbell)
    return doorbell
  }

  /** Connect now instead of on first use. */
  async init(): Promise<void> {
    await this.#connection.start()
  }

  /** Stop what still consumes (jobs under way are given back) and close every connection of its own. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop(0)))
    await Promise.all([...this.#doorbells].map((doorbell) => doorbell.close()))
    // From here on every call is refused, and so are those who still wait for a job.
    await Promise.all([this.#connection.close(), ...[...this.#events.values()].map((events) => events.close())])
  }

  async #read(name: string, id: string): Promise<JobRecord | null> {
    return await readJob(await this.#connection.queue(name), id, name)
  }

  #eventsOf(name: string): JobEvents {
    const known = this.#events.get(name)
    if (known) return known
    const events = new JobEvents(this.#connection, name)
    this.#events.set(name, events)
    return events
  }

  async #removeOver(queue: Queue, id: string): Promise<void> {
    const client = await this.#connection.start()
    const ends = ['completed', 'failed'] as const
    await Promise.all(ends.map((end) => removeOver(client, queue.toKey, { end, before: overBefore(end), id })))
  }

  /** What happened in a queue is written down for those who wait for jobs; BullMQ keeps ten thousand by itself, results included. */
  async #prepare(queue: Queue): Promise<void> {
    if (this.#prepared.has(queue.name)) return
    await queue.getBackend().setQueueMeta({ 'opts.maxLenEvents': EVENTS_KEPT })
    this.#prepared.add(queue.name)
  }
}

const EVENTS_KEPT = 1_000

/** Braces say which keys of a Cluster lie together; that is for the queue to say. */
function checkPrefix(prefix: string): string {
  if (typeof prefix === 'string' && /^[^{}\s\p{Cc}]{1,200}$/u.test(prefix) && prefix.isWellFormed()) return prefix
  const given: unknown = prefix
  throw new WorkflowError(
    'INVALID_NAME',
    `a prefix is 1 to 200 characters without braces, white space and control characters; got ${describe(typeof given === 'string' ? given.slice(0, 40) : given)}`,
  )
}

const consoleLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message, details) => console.warn(message, details ?? ''),
  error: (message, details) => console.error(message, details ?? ''),
}
