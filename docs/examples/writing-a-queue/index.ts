import { DatabaseSync } from 'node:sqlite'
import { WorkflowError } from '@pikku/core/contract'
import type {
  Answering,
  Consumer,
  Doorbell,
  JobDelivery,
  JobOptions,
  Logger,
  QueueJob,
  QueueService,
  Roles,
  WorkerOptions,
  WorkflowQueues,
  WorkItem,
} from '@pikku/core/contract'
import { checkQueueName, concurrencyOf, decodeJobValue, encodeJobValue, planJob, toQueueJob } from '@pikku/core/queue'
import type { JobPlan, JobRecord } from '@pikku/core/queue'
import { Poller, SqliteConsumer } from './consumer.ts'
import { QueueTables, type JobRow } from './tables.ts'

// #region service
export interface SqliteQueueOptions {
  /** How often a worker looks for jobs of other processes. Default 50. */
  readonly pollMs?: number
  /** How long a worker that died is waited for. Default 10,000. */
  readonly leaseMs?: number
  /** Default: the console. */
  readonly logger?: Logger
  /** How to open the file, once. */
  readonly open?: () => DatabaseSync
}

/**
 * Queues in a file of this machine.
 *
 * @example
 * const queueService = new SqliteQueueService('queues.db')
 * const id = await queueService.add('mail', { to: 'a@b.c' })
 */
export class SqliteQueueService implements QueueService {
  readonly #options: Required<SqliteQueueOptions>
  /** Consumers, and whoever answers a doorbell. */
  readonly #working = new Set<{ poke(): void; stop(graceMs: number): unknown }>()
  readonly #closed = new AbortController()
  #opened: QueueTables | undefined

  constructor(file: string, options: SqliteQueueOptions = {}) {
    const open = (): DatabaseSync => new DatabaseSync(file, { timeout: 10_000 })
    this.#options = { pollMs: 50, leaseMs: 10_000, logger: console, open, ...options }
  }

  async add(queueName: string, data: unknown, options?: JobOptions): Promise<string> {
    const id = this.#tables().add(checkQueueName(queueName), planJob(options), encodeJobValue(data, 'data'))
    this.#poke()
    return id
  }

  getJob<In = unknown, Out = unknown>(queueName: string, jobId: string): Promise<QueueJob<In, Out> | null>
  async getJob(queueName: string, jobId: string): Promise<QueueJob | null> {
    checkQueueName(queueName)
    const read = async (): Promise<JobRecord | null> => {
      const job = this.#tables().find(queueName, jobId)
      return job ? toJobRecord(job) : null
    }
    const record = await read()
    return record && toQueueJob(record, { read, changed: (signal) => this.#aWhile(signal) })
  }

  async consume(
    queueName: string,
    options: WorkerOptions,
    handler: (job: JobDelivery) => Promise<unknown>,
  ): Promise<Consumer> {
    const given = { queueName: checkQueueName(queueName), concurrency: concurrencyOf(options), handler }
    const consumer = new SqliteConsumer(this.#tables(), { ...this.#options, ...given })
    this.#working.add(consumer)
    return consumer
  }

  async init(): Promise<void> {
    this.#tables()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await Promise.all([...this.#working].map((each) => each.stop(0)))
    this.#opened?.close()
  }

  #tables(): QueueTables {
    if (this.#closed.signal.aborted) throw new WorkflowError('CONFIGURATION', 'this queue service is closed')
    this.#opened ??= new QueueTables(this.#options.open())
    return this.#opened
  }

  /** Whoever works in this process need not wait for the next poll. */
  #poke(): void {
    for (const each of this.#working) each.poke()
  }

  /** A file pushes nothing: look again after a while. */
  #aWhile(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const either = AbortSignal.any([signal, this.#closed.signal])
      const timer = setTimeout(resolve, either.aborted ? 0 : this.#options.pollMs)
      either.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true })
    })
  }
  // #endregion

  // #region doorbell
  doorbell(queues: WorkflowQueues): Doorbell {
    return {
      ring: async (items) => {
        this.#tables().ring(queues, items)
        this.#poke()
      },
      answer: async (roles, handler) => this.#answer(queues, roles, handler),
    }
  }

  #answer(queues: WorkflowQueues, roles: Roles, handler: (item: WorkItem) => Promise<void>): Answering {
    this.#tables()
    const underWay = { run: 0, step: 0 }
    const kinds = [
      ['run', queues.orchestrator],
      ['step', queues.worker],
    ] as const
    const look = (): void => {
      for (const [kind, queue] of kinds) {
        while (underWay[kind] < roles[kind]) {
          const bell = this.#tables().answer(queue, kind)
          if (!bell) break
          if (!bell.item) continue // Anybody may put anything into a queue.
          underWay[kind] += 1
          void handler(bell.item).finally(() => {
            underWay[kind] -= 1
            poller.poke()
          })
        }
      }
    }
    const poller = new Poller(look, this.#options)
    this.#working.add(poller)
    return {
      stop: async () => {
        this.#working.delete(poller)
        poller.stop()
      },
    }
  }
  // #endregion
}

// #region record
function toJobRecord(job: JobRow): JobRecord {
  const plan = JSON.parse(job.plan) as JobPlan
  const waits = job.notBefore > Date.now() ? 'delayed' : 'waiting'
  const status = job.status === 'queued' ? waits : job.status
  const [progress, result] = [job.progress, job.result].map((text) =>
    text === null ? undefined : decodeJobValue(text),
  )
  return {
    id: JSON.parse(job.id) as string,
    queueName: job.queue,
    data: decodeJobValue(job.data),
    status,
    result,
    metadata: {
      progress,
      attemptsMade: job.attemptsOver + (status === 'active' || status === 'completed' ? 1 : 0),
      attempts: plan.attempts,
      priority: plan.priority,
      createdAt: new Date(job.createdAt),
      startedAt: toDate(job.startedAt),
      finishedAt: toDate(job.finishedAt),
      failedReason: job.failedReason ?? undefined,
    },
  }
}

function toDate(ms: number | null): Date | undefined {
  return ms === null ? undefined : new Date(ms)
}
// #endregion
