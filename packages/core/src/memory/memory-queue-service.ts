import { WorkflowError } from '../contract/index.ts'
import type {
  Answering,
  Consumer,
  Doorbell,
  JobDelivery,
  JobOptions,
  QueueJob,
  QueueService,
  WorkerOptions,
  WorkflowQueues,
} from '../contract/index.ts'
import {
  checkQueueName,
  concurrencyOf,
  decodeJobValue,
  encodeJobValue,
  planJob,
  toQueueJob,
  type JobRecord,
} from '../queue/index.ts'
import { MemoryConsumer } from './memory-consumer.ts'
import { MemoryQueues, type MemoryJob } from './memory-queues.ts'

/**
 * Queues in this process, for tests and for trying things out: with the process everything is gone. Services that share
 * a `MemoryQueues` are to each other what processes on one server are.
 *
 * @example
 * const queueService = new MemoryQueueService()
 * const id = await queueService.add('mail', { to: 'a@b.c' })
 */
export class MemoryQueueService implements QueueService {
  readonly #queues: MemoryQueues
  readonly #consumers = new Set<MemoryConsumer>()
  readonly #answering = new Set<Answering>()
  readonly #closed = new AbortController()

  constructor(queues: MemoryQueues = new MemoryQueues()) {
    this.#queues = queues
  }

  async add(queueName: string, data: unknown, options?: JobOptions): Promise<string> {
    const queue = this.#queues.queue(this.#check(queueName))
    return queue.add(planJob(options), encodeJobValue(data, 'data'))
  }

  getJob<In = unknown, Out = unknown>(queueName: string, jobId: string): Promise<QueueJob<In, Out> | null>
  async getJob(queueName: string, jobId: string): Promise<QueueJob | null> {
    const queue = this.#queues.queue(this.#check(queueName))
    const read = async (): Promise<JobRecord | null> => {
      this.#check(queueName)
      const job = queue.find(jobId)
      return job ? toJobRecord(queueName, job) : null
    }
    const job = await read()
    return (
      job &&
      toQueueJob(job, { read, changed: (signal) => queue.changed(AbortSignal.any([signal, this.#closed.signal])) })
    )
  }

  async consume(
    queueName: string,
    options: WorkerOptions,
    handler: (job: JobDelivery) => Promise<unknown>,
  ): Promise<Consumer> {
    const queue = this.#queues.queue(this.#check(queueName))
    const consumer = new MemoryConsumer({ queueName, queue, concurrency: concurrencyOf(options), handler })
    this.#consumers.add(consumer)
    return consumer
  }

  doorbell(queues: WorkflowQueues): Doorbell {
    const shared = this.#queues.doorbell(queues)
    return {
      ring: async (items) => {
        this.#checkOpen()
        await shared.ring(items)
      },
      answer: async (roles, handler) => {
        this.#checkOpen()
        const answering = await shared.answer(roles, handler)
        this.#answering.add(answering)
        return answering
      },
    }
  }

  async init(): Promise<void> {
    this.#checkOpen()
  }

  async close(): Promise<void> {
    this.#closed.abort()
    await Promise.all([...this.#consumers].map((consumer) => consumer.stop(0)))
    await this.#stopAnswering()
  }

  /** Die like `kill -9`, and be noticed at once: jobs under way have lost their attempt. For tests. */
  vanish(): void {
    this.#closed.abort()
    for (const consumer of this.#consumers) consumer.vanish()
    void this.#stopAnswering()
  }

  async #stopAnswering(): Promise<void> {
    await Promise.all([...this.#answering].map((answering) => answering.stop()))
  }

  #check(queueName: string): string {
    this.#checkOpen()
    return checkQueueName(queueName)
  }

  #checkOpen(): void {
    if (this.#closed.signal.aborted) throw new WorkflowError('CONFIGURATION', 'this queue service is closed')
  }
}

function toJobRecord(queueName: string, job: MemoryJob): JobRecord {
  const waits = job.notBefore > Date.now() ? 'delayed' : 'waiting'
  const status = job.status === 'queued' ? waits : job.status
  const isUnderWayOrDone = status === 'active' || status === 'completed'
  return {
    id: job.id,
    queueName,
    data: decodeJobValue(job.data),
    status,
    result: job.result === undefined ? undefined : decodeJobValue(job.result),
    metadata: {
      progress: job.progress === undefined ? undefined : decodeJobValue(job.progress),
      attemptsMade: job.attemptsOver + (isUnderWayOrDone ? 1 : 0),
      attempts: job.plan.attempts,
      priority: job.plan.priority,
      createdAt: new Date(job.createdAt),
      startedAt: toDate(job.startedAt),
      finishedAt: toDate(job.finishedAt),
      failedReason: status === 'completed' ? undefined : job.failedReason,
    },
  }
}

function toDate(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms)
}
