import { WorkflowError } from '../contract/index.ts'
import type { Consumer, JobDelivery } from '../contract/index.ts'
import { decodeJobValue, discardsJob, encodeJobValue, toJobFailure } from '../queue/index.ts'
import type { JobTaker, MemoryJob, MemoryQueue } from './memory-queues.ts'

/** A job under way here. Once `over` nothing is written about it any more. */
interface Held {
  readonly job: MemoryJob
  readonly abort: AbortController
  over: boolean
}

interface MemoryConsumerOptions {
  readonly queueName: string
  readonly queue: MemoryQueue
  readonly concurrency: number
  readonly handler: (job: JobDelivery) => Promise<unknown>
}

/** Hands jobs of one queue in this process to a handler. */
export class MemoryConsumer implements Consumer, JobTaker {
  readonly #options: MemoryConsumerOptions
  readonly #held = new Map<Held, Promise<void>>()
  #stopping: Promise<void> | undefined

  constructor(options: MemoryConsumerOptions) {
    this.#options = options
    options.queue.takers.push(this)
    options.queue.pump()
  }

  get hasRoom(): boolean {
    return this.#held.size < this.#options.concurrency
  }

  take(job: MemoryJob): void {
    const held: Held = { job, abort: new AbortController(), over: false }
    const handling = this.#handle(held).finally(() => {
      this.#held.delete(held)
      this.#options.queue.pump()
    })
    this.#held.set(held, handling)
  }

  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  /** Die: what is under way has lost its attempt. */
  vanish(): void {
    for (const job of this.#leave('the worker died')) {
      this.#options.queue.fail(job, { reason: 'the attempt was lost with its worker', discarded: false })
    }
  }

  async #stop(graceMs: number): Promise<void> {
    this.#withdraw()
    const over = Promise.withResolvers<void>()
    const timer = setTimeout(over.resolve, graceMs).unref()
    await Promise.race([Promise.all(this.#held.values()), over.promise])
    clearTimeout(timer)
    for (const job of this.#leave('the worker is stopping')) this.#options.queue.giveBack(job)
  }

  #withdraw(): void {
    const { takers } = this.#options.queue
    const at = takers.indexOf(this)
    if (at >= 0) takers.splice(at, 1)
  }

  /** Let go of what is under way. */
  #leave(why: string): MemoryJob[] {
    this.#withdraw()
    const unfinished = [...this.#held.keys()].filter(({ over }) => !over)
    for (const held of unfinished) {
      held.over = true
      held.abort.abort(new Error(why))
    }
    return unfinished.map(({ job }) => job)
  }

  async #handle(held: Held): Promise<void> {
    const { queue, handler } = this.#options
    try {
      const result = encodeJobValue(await handler(this.#toDelivery(held)), 'result')
      if (!held.over) queue.complete(held.job, result)
    } catch (error) {
      const failure = { reason: toJobFailure(error).message, discarded: discardsJob(error) }
      if (!held.over) queue.fail(held.job, failure)
    } finally {
      held.over = true
    }
  }

  #toDelivery(held: Held): JobDelivery {
    const { job, abort } = held
    return {
      id: job.id,
      queueName: this.#options.queueName,
      data: decodeJobValue(job.data),
      attempt: job.attemptsOver + 1,
      signal: abort.signal,
      updateProgress: async (progress) => {
        const text = encodeJobValue(progress, 'progress')
        if (held.over)
          throw new WorkflowError('LEASE_LOST', `the progress of job ${job.id} is dropped: its attempt is over`)
        job.progress = text
      },
    }
  }
}
