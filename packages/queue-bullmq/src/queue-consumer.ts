import { setTimeout as sleep } from 'node:timers/promises'
import { WorkflowError } from '@pikku/core/contract'
import type { Consumer, JobDelivery, Logger } from '@pikku/core/contract'
import { discardsJob, quote, toJobFailure } from '@pikku/core/queue'
import { UnrecoverableError, WaitingError } from 'bullmq'
import type { Job, Worker } from 'bullmq'
import type { BullConnection } from './connection.ts'
import { dataOf, keepValue, publicIdOf, toEnvelope } from './job-data.ts'
import type { KeptValue } from './job-data.ts'
import { attemptsOf, attemptsOver, overBefore, RETENTION, shiftOf } from './job-options.ts'
import { reasonOf } from './reason-of.ts'
import type { Client } from './redis-source.ts'
import { jobsHeldBy, keepProgress, removeOver, wakeOthers } from './scripts.ts'
import { within } from './within.ts'

/**
 * A worker shows a sign of life for its jobs every ten seconds. A job without one for half a minute is found by the next
 * or the next but one of the checks that some worker of the queue makes every half minute.
 */
const WORKER = {
  lockDuration: 30_000,
  lockRenewTime: 20_000,
  stalledInterval: 30_000,
  // How many attempts a job has is for `attempts` to say.
  maxStalledCount: Number.MAX_SAFE_INTEGER,
}
const CLEAR_EVERY_MS = 60_000
/** In which every answer that has arrived has been acted on. */
const UNHEARD_MS = 100
/** How long a stopping worker waits for the server beyond its grace. */
const STOP_PATIENCE_MS = 2_000

export interface QueueConsumerOptions {
  readonly queue: string
  readonly concurrency: number
  readonly handler: (job: JobDelivery) => Promise<unknown>
  readonly connection: BullConnection
  readonly logger: Logger
}

/** A job under way here. Once `isOver` (ended, taken over, or given back) nothing is written about it any more. */
interface Held {
  readonly job: Job
  readonly token: string
  readonly abort: AbortController
  readonly givenBack: PromiseWithResolvers<never>
  isOver: boolean
}

/** Hands the jobs of one queue to a handler, each alone, and settles each by its own outcome. */
export class QueueConsumer implements Consumer {
  readonly #options: QueueConsumerOptions
  readonly #worker: Worker
  readonly #client: Client
  readonly #running: Promise<void>
  readonly #held = new Set<Held>()
  readonly #clearing: NodeJS.Timeout
  readonly #unsubscribe: () => void
  #stopping: Promise<void> | undefined

  private constructor(options: QueueConsumerOptions, worker: Worker, client: Client) {
    this.#options = options
    this.#worker = worker
    this.#client = client
    worker.on('completed', (job) => this.#ended(job, 'completed'))
    worker.on('failed', (job) => job && this.#ended(job, 'failed'))
    worker.on('lockRenewalFailed', (ids) => ids.forEach((id) => this.#lost(id)))
    this.#running = worker.run().catch((error: unknown) => options.connection.log.trouble(options.queue, error))
    this.#unsubscribe = options.connection.onReconnect(() => void this.#giveBackUnheard())
    this.#clearing = setInterval(() => void this.#clear(), CLEAR_EVERY_MS).unref()
  }

  /** Resolves when jobs are being taken. */
  static async start(options: QueueConsumerOptions): Promise<QueueConsumer> {
    const { connection, queue, concurrency } = options
    let consumer: QueueConsumer | undefined
    const process = (job: Job, token = ''): Promise<KeptValue> => {
      if (consumer) return consumer.#process(job, token)
      return Promise.reject(new WaitingError()) // not running yet, so this cannot be
    }
    const worker = await connection.worker(queue, process, { ...WORKER, ...RETENTION, concurrency })
    consumer = new QueueConsumer(options, worker, await connection.workers())
    return consumer
  }

  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  async #stop(graceMs: number): Promise<void> {
    clearInterval(this.#clearing)
    this.#unsubscribe()
    await this.#worker.pause(true)
    // The wait at the server would bring one more.
    await this.#worker.getBackend().disconnectBlocking(false)
    const grace = new AbortController()
    const over = sleep(graceMs, undefined, { signal: grace.signal, ref: false }).catch(() => undefined) // aborted below
    await Promise.race([this.#running, over])
    grace.abort()
    await Promise.all([...this.#held].map((held) => this.#giveBack(held)))
    // What handlers returned is still on its way, unless there is no server.
    await Promise.race([this.#running, sleep(STOP_PATIENCE_MS, undefined, { ref: false })])
    await this.#worker.close(true)
    await this.#wakeOthers()
  }

  async #process(job: Job, token: string): Promise<KeptValue> {
    if (attemptsOver(job) >= attemptsOf(job)) {
      throw new UnrecoverableError('the worker of its last attempt died, or gave no sign of life')
    }
    // It came back to the process that gave no sign of life for it.
    this.#lost(job.id)
    const [abort, givenBack] = [new AbortController(), Promise.withResolvers<never>()]
    const held: Held = { job, token, abort, givenBack, isOver: false }
    this.#held.add(held)
    try {
      return await Promise.race([this.#handle(held), givenBack.promise])
    } finally {
      held.isOver = true
      this.#held.delete(held)
    }
  }

  async #handle(held: Held): Promise<KeptValue> {
    try {
      return keepValue(await this.#options.handler(this.#toDelivery(held)), 'result')
    } catch (thrown) {
      throw toBullError(thrown, attemptsOver(held.job) + 1 >= attemptsOf(held.job))
    }
  }

  #toDelivery(held: Held): JobDelivery {
    const { job, abort } = held
    return {
      id: publicIdOf(job),
      queueName: this.#options.queue,
      data: dataOf(job.data),
      attempt: attemptsOver(job) + 1,
      signal: abort.signal,
      updateProgress: (progress) => this.#updateProgress(held, progress),
    }
  }

  async #updateProgress(held: Held, value: unknown): Promise<void> {
    const { job, token } = held
    const progress = JSON.stringify(keepValue(value, 'progress'))
    const toKey = this.#worker.toKey
    if (!held.isOver && (await keepProgress(this.#client, toKey, { id: job.id ?? '', token, progress }))) return
    throw new WorkflowError(
      'LEASE_LOST',
      `job '${publicIdOf(job)}' is not under way here any more; its progress was not kept`,
    )
  }

  /** Whoever has this job here has it no more. */
  #lost(id: string | undefined): void {
    for (const held of this.#held) {
      if (held.job.id !== id) continue
      held.isOver = true
      held.abort.abort(new Error(`job ${id} was taken over by another worker`))
    }
  }

  async #giveBack(held: Held): Promise<void> {
    const { job, token, isOver } = held
    held.isOver = true
    held.abort.abort(new Error('the worker is stopping'))
    try {
      if (!isOver) await within(STOP_PATIENCE_MS, job.moveToWait(token), () => 'no answer')
    } catch (error) {
      const reason = reasonOf(error)
      this.#options.logger.warn(
        `queue ${this.#options.queue}: could not give back job ${quote(job.id ?? '')}; others get it in a minute: ${reason}`,
      )
    }
    // To BullMQ: leave it where it is.
    held.givenBack.reject(new WaitingError())
  }

  /**
   * An answer that was lost with a connection may have brought a job: it would lose that attempt, and perhaps its last,
   * without having begun. Answers come in order, so that every job brought by an earlier one is known by now.
   */
  async #giveBackUnheard(): Promise<void> {
    const { connection, queue } = this.#options
    try {
      const ours = await jobsHeldBy(this.#client, this.#worker.toKey, `${this.#worker.id}:`)
      await sleep(UNHEARD_MS, undefined, { ref: false })
      for (const [id, token] of ours) {
        const isHeld = [...this.#held].some((held) => held.job.id === id && held.token === token)
        if (!isHeld) await this.#giveBackUnlessOver(id, token)
      }
    } catch (error) {
      connection.log.trouble(queue, error)
    }
  }

  async #giveBackUnlessOver(id: string, token: string): Promise<void> {
    try {
      await this.#worker.getBackend().moveJobFromActiveToWait(id, token)
    } catch (error) {
      if (!isSuperseded(error)) throw error // else it ended meanwhile
    }
  }

  /** Every job is kept as long as its own options say. */
  #ended(job: Job, end: 'completed' | 'failed'): void {
    const keep = toEnvelope(job.data)?.keep[end === 'completed' ? 0 : 1] ?? Infinity
    const shift = shiftOf(end, keep)
    // Without a time it is tried again.
    if (!job.finishedOn || shift === 0) return
    this.#client
      .zadd(this.#worker.toKey(end), 'XX', job.finishedOn + shift, job.id ?? '')
      .catch((error: unknown) => this.#options.connection.log.trouble(this.#options.queue, error))
  }

  /** BullMQ clears away only when another job ends. */
  async #clear(): Promise<void> {
    try {
      for (const end of ['completed', 'failed'] as const)
        await removeOver(this.#client, this.#worker.toKey, { end, before: overBefore(end) })
    } catch (error) {
      this.#options.connection.log.trouble(this.#options.queue, error)
    }
  }

  async #wakeOthers(): Promise<void> {
    try {
      await within(STOP_PATIENCE_MS, wakeOthers(this.#client, this.#worker.toKey), () => 'no answer')
    } catch (error) {
      this.#options.connection.log.trouble(this.#options.queue, error)
    }
  }
}

/** BullMQ's answers when a job is gone, or another attempt has it. */
function isSuperseded(error: unknown): boolean {
  return error instanceof Error && 'code' in error && [-1, -2, -3, -6].includes(Number(error.code))
}

/** BullMQ reads names and properties of what is thrown; it gets nothing else than words. */
function toBullError(thrown: unknown, isLast: boolean): Error {
  const { name, message, stack } = toJobFailure(thrown)
  const error = isLast || discardsJob(thrown) ? new UnrecoverableError(message) : new Error(message)
  error.stack = stack ?? `${name}: ${message}`
  return error
}
