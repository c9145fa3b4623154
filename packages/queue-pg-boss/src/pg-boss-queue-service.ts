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
import { checkQueueName, concurrencyOf, isUuid, planJob, toQueueJob, uuidOf } from '@pikku/core/queue'
import type { JobWithMetadata, Queue } from 'pg-boss'
import { Bell } from './bell.ts'
import { BossConnection, closedError, isQueueMissing } from './connection.ts'
import type { BossSource } from './boss-source.ts'
import { seal } from './job-data.ts'
import { toJobInsert } from './job-options.ts'
import { isOver, toJobRecord } from './job-record.ts'
import { JobWatch } from './job-watch.ts'
import { Outbox } from './outbox.ts'
import { PgBossDoorbell } from './pg-boss-doorbell.ts'
import { QueueConsumer } from './queue-consumer.ts'

/** What every job brings along; the queue itself only says where its rows are. */
const QUEUE: Omit<Queue, 'name'> = { partition: true, notify: false }

/** How long closing waits for a server that does not answer (ms). */
const CLOSE_PATIENCE = 10_000

/** The last argument of `PgBossQueueService`. */
export interface PgBossQueueServiceOptions {
  /** Where lost connections and dropped messages are reported. Default: warnings and errors on the console. */
  readonly logger?: Logger
}

/**
 * Queues on PostgreSQL with pg-boss: jobs of your own, and the doorbell of the workflow engine.
 *
 * Opens nothing until first used. Given a URL or options, it runs a pg-boss of its own (schema `pgboss` by default) and
 * `close()` ends it. A `PgBoss` that is passed in is started if it was not and left open; its owner stops it.
 *
 * @example
 * const queueService = new PgBossQueueService('postgresql://localhost:5432/myapp')
 * const id = await queueService.add('mail', { to: 'a@b.c' }, { attempts: 3 })
 * const job = await queueService.getJob('mail', id)
 */
export class PgBossQueueService implements QueueService {
  readonly #connection: BossConnection
  readonly #bell: Bell
  readonly #outbox: Outbox
  readonly #logger: Logger
  readonly #consumers = new Set<QueueConsumer>()
  readonly #doorbells = new Set<PgBossDoorbell>()
  readonly #closed = new AbortController()
  #closing: Promise<void> | undefined

  constructor(source: BossSource, options: PgBossQueueServiceOptions = {}) {
    this.#logger = options.logger ?? consoleLogger
    this.#connection = new BossConnection(source, this.#logger)
    this.#bell = new Bell(this.#connection, this.#logger)
    this.#outbox = new Outbox(this.#connection, this.#bell)
  }

  /** Put a job in. Resolves with its id once it is safe in PostgreSQL. @throws as `QueueService.add` says */
  async add(queueName: string, data: unknown, options: JobOptions = {}): Promise<string> {
    const queue = checkQueueName(queueName)
    const plan = planJob(options)
    const { jobId, delayMs } = plan
    const id = jobId === undefined ? randomUUID() : uuidOf('job', queue, jobId)
    const envelope = seal(data, plan)
    const job = { id, data: envelope, ...toJobInsert(plan) }
    const outgoing = { job, bytes: envelope.v.length, delayMs }
    await this.#connection.ensureQueue(queue, QUEUE)
    const inserted = await this.#outbox.insert(queue, outgoing)
    // The row of a job whose time is over may still be in the way.
    if (!inserted && (await this.#removeIfOver(queue, id))) await this.#outbox.insert(queue, outgoing)
    return jobId ?? id
  }

  /** The job, from any process; null when there is none with this id (any more), or no such queue. */
  getJob<In = unknown, Out = unknown>(queueName: string, jobId: string): Promise<QueueJob<In, Out> | null>
  async getJob(queueName: string, jobId: string): Promise<QueueJob | null> {
    const queue = checkQueueName(queueName)
    // Our own ids are pg-boss's; the caller's are mapped.
    for (const id of isUuid(jobId) ? [jobId, uuidOf('job', queue, jobId)] : [uuidOf('job', queue, jobId)]) {
      const job = await this.#readUnlessOver(queue, id)
      if (!job) continue
      const watch = new JobWatch(this.#bell, this.#closed.signal, id)
      return toQueueJob(toJobRecord(job), {
        read: async () => {
          const again = await this.#readUnlessOver(queue, id)
          return again && toJobRecord(again)
        },
        changed: (signal) => watch.changed(signal),
      })
    }
    return null
  }

  /** A worker that died is noticed half a minute to a minute and a half later. */
  async consume(
    queueName: string,
    options: WorkerOptions,
    handler: (job: JobDelivery) => Promise<unknown>,
  ): Promise<Consumer> {
    const queue = checkQueueName(queueName)
    const concurrency = concurrencyOf(options)
    const ensureQueue = (): Promise<void> => this.#connection.ensureQueue(queue, QUEUE)
    await ensureQueue()
    // Nobody would stop it.
    if (this.#closed.signal.aborted) throw closedError()
    const parts = { connection: this.#connection, bell: this.#bell, logger: this.#logger }
    const consumer = new QueueConsumer({ queue, concurrency, handler, ensureQueue, ...parts })
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
    const parts = { connection: this.#connection, bell: this.#bell, outbox: this.#outbox, logger: this.#logger }
    const doorbell = new PgBossDoorbell(parts, queues)
    this.#doorbells.add(doorbell)
    return doorbell
  }

  /** Connect and create pg-boss's tables now instead of on first use. */
  async init(): Promise<void> {
    await this.#connection.start()
  }

  /** Stop what still consumes (jobs under way are given back) and close what this service opened itself. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#closed.abort()
    const overdue = setTimeout(() => this.#connection.hangUp(), CLOSE_PATIENCE)
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop(0)))
    await Promise.all([...this.#doorbells].map((doorbell) => doorbell.close()))
    await this.#outbox.drained()
    await this.#bell.close()
    await this.#connection.close()
    clearTimeout(overdue)
  }

  async #removeIfOver(queue: string, id: string): Promise<boolean> {
    const job = await this.#read(queue, id)
    if (job && !isOver(job)) return false
    if (job) await (await this.#connection.start()).deleteJob(queue, id)
    return true
  }

  async #readUnlessOver(queue: string, id: string): Promise<JobWithMetadata | null> {
    const job = await this.#read(queue, id)
    return job && !isOver(job) ? job : null
  }

  async #read(queue: string, id: string): Promise<JobWithMetadata | null> {
    if (this.#closed.signal.aborted) throw closedError()
    try {
      const db = await this.#connection.preparing()
      return await (await this.#connection.start()).getJobById<object>(queue, id, { db })
    } catch (error) {
      if (isQueueMissing(error)) return null
      throw error
    }
  }
}

const consoleLogger: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message, details) => console.warn(message, details ?? ''),
  error: (message, details) => console.error(message, details ?? ''),
}
