import type { Answering, Doorbell, Logger, Roles, WorkflowQueues, WorkItem } from '@pikku/core/contract'
import { Batcher, fromMessage, toMessage } from '@pikku/core/queue'
import type { Job, Queue } from 'pg-boss'
import type { Bell } from './bell.ts'
import { closedError, isQueueMissing } from './connection.ts'
import type { BossConnection } from './connection.ts'
import { FetchLoop } from './fetch-loop.ts'
import type { Outbox } from './outbox.ts'
import { reasonOf } from './reason-of.ts'

/**
 * Messages live for an hour at most: whatever was not answered by then, the sweep rings again. A partition of its own,
 * because the planner loses its way in the table all other queues share.
 */
const QUEUE: Omit<Queue, 'name'> = {
  partition: true,
  notify: false,
  retryLimit: 0,
  expireInSeconds: 60,
  retentionSeconds: 3_600,
  deleteAfterSeconds: 60,
}
const MESSAGE_BYTES = 400

/** The parts of a queue service that a doorbell works with. */
export interface QueueParts {
  readonly connection: BossConnection
  readonly bell: Bell
  readonly outbox: Outbox
  readonly logger: Logger
}

/** The engine's doorbell on two pg-boss queues. A message is deleted as soon as it was fetched: the store is the truth. */
export class PgBossDoorbell implements Doorbell {
  readonly #parts: QueueParts
  readonly #queues: WorkflowQueues
  readonly #answering = new Set<Answering>()
  #closed = false

  constructor(parts: QueueParts, queues: WorkflowQueues) {
    this.#parts = parts
    this.#queues = queues
  }

  async ring(items: readonly WorkItem[]): Promise<void> {
    await Promise.all(items.map((item) => this.#send(item)))
  }

  async answer(roles: Roles, handler: (item: WorkItem) => Promise<void>): Promise<Answering> {
    const tried = await Promise.allSettled([
      this.#answerQueue({ kind: 'run', slots: roles.run, handler }),
      this.#answerQueue({ kind: 'step', slots: roles.step, handler }),
    ])
    const answering = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []))
    const all: Answering = {
      stop: async () => {
        this.#answering.delete(all)
        await Promise.all(answering.map((one) => one.stop()))
      },
    }
    const failed = tried.find((one) => one.status === 'rejected')
    if (!failed && !this.#closed) {
      this.#answering.add(all)
      return all
    }
    // Nobody else would stop the one of two that can be answered.
    await all.stop()
    throw failed ? failed.reason : closedError()
  }

  /** Stop every answer that was not stopped. */
  async close(): Promise<void> {
    this.#closed = true
    await Promise.all([...this.#answering].map((one) => one.stop()))
  }

  async #send(item: WorkItem): Promise<void> {
    const queue = this.#queueOf(item.kind)
    await this.#parts.connection.ensureQueue(queue, QUEUE)
    await this.#parts.outbox.insert(queue, { job: toMessage(item), bytes: MESSAGE_BYTES, delayMs: 0 })
  }

  async #answerQueue(answer: {
    kind: WorkItem['kind']
    slots: number
    handler: (item: WorkItem) => Promise<void>
  }): Promise<Answering> {
    if (answer.slots === 0) return { stop: async () => undefined }
    const { connection, bell } = this.#parts
    const queue = this.#queueOf(answer.kind)
    await connection.ensureQueue(queue, QUEUE)
    const done = new Batcher<Job>({ max: 500, flush: (jobs) => this.#delete(queue, jobs) })
    const loop = new FetchLoop<Job>({
      slots: answer.slots,
      fetch: async (limit) => {
        await connection.ensureQueue(queue, QUEUE)
        const jobs = await (
          await connection.start()
        ).fetch<object>(queue, { batchSize: limit, db: await connection.fetching() })
        for (const job of jobs) done.add(job)
        return jobs
      },
      deliver: async (job) => {
        const item = fromMessage(job.data, answer.kind)
        if (!item) return this.#parts.logger.warn(`queue ${queue}: message ${job.id} is not a work item; dropped`)
        await answer.handler(item)
      },
      isLive: () => bell.live,
      onError: (error) => this.#fetchFailed(queue, error),
    })
    const unsubscribe = bell.onRing(queue, (delayMs) => loop.wake(delayMs))
    return {
      stop: async () => {
        unsubscribe()
        await loop.stop()
        await done.drained()
      },
    }
  }

  async #delete(queue: string, jobs: readonly Job[]): Promise<void> {
    try {
      const { connection } = this.#parts
      await (await connection.start()).deleteJob(queue, [...jobs], { db: await connection.settling() })
    } catch (error) {
      // Already fetched, so nobody gets them again; they expire.
      this.#parts.logger.warn(`queue ${queue}: could not delete ${jobs.length} delivered messages: ${reasonOf(error)}`)
    }
  }

  #fetchFailed(queue: string, error: unknown): void {
    if (isQueueMissing(error)) this.#parts.connection.forgetQueue(queue)
    this.#parts.logger.warn(`queue ${queue}: could not fetch; trying again: ${reasonOf(error)}`)
  }

  #queueOf(kind: WorkItem['kind']): string {
    return kind === 'run' ? this.#queues.orchestrator : this.#queues.worker
  }
}
