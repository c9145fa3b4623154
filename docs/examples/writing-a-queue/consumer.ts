import { WorkflowError } from '@pikku/core/contract'
import type { Consumer, JobDelivery, Logger } from '@pikku/core/contract'
import { decodeJobValue, discardsJob, encodeJobValue, toJobFailure } from '@pikku/core/queue'
import type { JobRow, QueueTables } from './tables.ts'

// #region poller
/** Looks for work every `pollMs`, and at once when it is poked. */
export class Poller {
  readonly #look: () => void
  readonly #pollMs: number
  readonly #logger: Logger
  #timer: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(look: () => void, { pollMs, logger }: { readonly pollMs: number; readonly logger: Logger }) {
    this.#look = look
    this.#pollMs = pollMs
    this.#logger = logger
    this.poke()
  }

  /** On a macrotask of its own: whoever adds has gone on by then. */
  poke(): void {
    if (this.#isStopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#poll(), 0)
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  #poll(): void {
    try {
      this.#look()
    } catch (error) {
      this.#logger.warn('the queue could not be read; it is tried again', { error })
    }
    clearTimeout(this.#timer)
    if (!this.#isStopped) this.#timer = setTimeout(() => this.#poll(), this.#pollMs)
  }
}
// #endregion

// #region consumer
interface ConsumerOptions {
  readonly queueName: string
  readonly concurrency: number
  readonly leaseMs: number
  readonly pollMs: number
  readonly logger: Logger
  readonly handler: (job: JobDelivery) => Promise<unknown>
}

/** A job under way here. Once `isOver`, nothing is written about it any more. */
interface Held {
  readonly job: JobRow
  readonly abort: AbortController
  isOver: boolean
  renewAt: number
}

/** Hands jobs of one queue to a handler. */
export class SqliteConsumer implements Consumer {
  readonly #tables: QueueTables
  readonly #options: ConsumerOptions
  readonly #poller: Poller
  readonly #held = new Map<Held, Promise<void>>()
  #stopping: Promise<void> | undefined

  constructor(tables: QueueTables, options: ConsumerOptions) {
    this.#tables = tables
    this.#options = options
    this.#poller = new Poller(() => this.#look(), options)
  }

  poke(): void {
    this.#poller.poke()
  }

  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  #look(): void {
    this.#renew()
    const { queueName, concurrency, leaseMs } = this.#options
    while (!this.#stopping && this.#held.size < concurrency) {
      const job = this.#tables.take(queueName, leaseMs)
      if (!job) return
      const held = { job, abort: new AbortController(), isOver: false, renewAt: Date.now() + leaseMs / 3 }
      const handling = this.#handle(held).finally(() => {
        this.#held.delete(held)
        this.poke()
      })
      this.#held.set(held, handling)
    }
  }

  /** A delivery whose lease another has taken is over: what it does from now on is dropped. */
  #renew(): void {
    const { leaseMs } = this.#options
    for (const held of this.#held.keys()) {
      if (held.isOver || Date.now() < held.renewAt) continue
      held.renewAt = Date.now() + leaseMs / 3
      if (!this.#tables.renew(held.job, leaseMs)) letGo(held, 'another worker has taken over')
    }
  }

  async #handle(held: Held): Promise<void> {
    const record = await this.#attempt(held)
    try {
      if (!held.isOver) record()
    } catch (error) {
      this.#options.logger.warn('the end of an attempt could not be recorded; it is lost with its lease', { error })
    }
    held.isOver = true
  }

  /** Run the handler; answers how to record what came of it. */
  async #attempt(held: Held): Promise<() => void> {
    const { job } = held
    try {
      const result = encodeJobValue(await this.#options.handler(this.#toDelivery(held)), 'result')
      return () => this.#tables.complete(job, result)
    } catch (error) {
      return () => this.#tables.fail(job, { reason: toJobFailure(error).message, isDiscarded: discardsJob(error) })
    }
  }

  #toDelivery(held: Held): JobDelivery {
    const { job, abort } = held
    const id = JSON.parse(job.id) as string
    return {
      id,
      queueName: job.queue,
      data: decodeJobValue(job.data),
      attempt: job.attemptsOver + 1,
      signal: abort.signal,
      updateProgress: async (progress) => {
        const text = encodeJobValue(progress, 'progress')
        if (!held.isOver && this.#tables.keepProgress(job, text)) return
        throw new WorkflowError('LEASE_LOST', `the progress of job '${id}' is dropped: its attempt is over`)
      },
    }
  }

  async #stop(graceMs: number): Promise<void> {
    const over = Promise.withResolvers<void>()
    const timer = setTimeout(over.resolve, graceMs)
    await Promise.race([Promise.all(this.#held.values()), over.promise])
    clearTimeout(timer)
    this.#poller.stop() // Only now: leases were renewed during the grace.
    for (const held of this.#held.keys()) {
      if (held.isOver) continue
      letGo(held, 'the worker is stopping')
      if (this.#tables.isOpen) this.#tables.giveBack(held.job)
    }
  }
}

function letGo(held: Held, why: string): void {
  held.isOver = true
  held.abort.abort(new Error(why))
}
// #endregion
