import { setTimeout as sleep } from 'node:timers/promises'
import type { Consumer, JobDelivery, Logger } from '@pikku/core/contract'
import type { Db, JobWithMetadata, PgBoss } from 'pg-boss'
import type { Bell } from './bell.ts'
import { isQueueMissing, isRefusal } from './connection.ts'
import type { BossConnection } from './connection.ts'
import { FetchLoop } from './fetch-loop.ts'
import { dataOf, publicIdOf, toEnvelope, toFailure, toOutput } from './job-data.ts'
import { HEARTBEAT_SECONDS } from './job-options.ts'
import { reasonOf } from './reason-of.ts'

const SETTLE_RETRY_MAX_MS = 5_000

export interface QueueConsumerOptions {
  readonly queue: string
  readonly concurrency: number
  readonly handler: (job: JobDelivery) => Promise<unknown>
  readonly ensureQueue: () => Promise<void>
  readonly connection: BossConnection
  readonly bell: Bell
  readonly logger: Logger
}

/** A job under way here. Once `lost` (to another worker, or given back) nothing is written about it any more. */
interface Held {
  readonly job: JobWithMetadata
  readonly abort: AbortController
  lost: boolean
}

/** Hands the jobs of one queue to a handler, each alone, and settles each by its own outcome. */
export class QueueConsumer implements Consumer {
  readonly #options: QueueConsumerOptions
  readonly #held = new Map<string, Held>()
  readonly #settling = new Set<Promise<void>>()
  readonly #loop: FetchLoop<JobWithMetadata>
  readonly #unsubscribe: () => void
  readonly #heartbeat: NodeJS.Timeout
  #stopping: Promise<void> | undefined

  constructor(options: QueueConsumerOptions) {
    this.#options = options
    this.#loop = new FetchLoop<JobWithMetadata>({
      slots: options.concurrency,
      fetch: (limit) => this.#fetch(limit),
      deliver: (job) => this.#deliver(job),
      isLive: () => options.bell.live,
      onError: (error) => this.#fetchFailed(error),
    })
    this.#unsubscribe = options.bell.onRing(options.queue, (delayMs) => this.#loop.wake(delayMs))
    this.#heartbeat = setInterval(() => void this.#beat(), (HEARTBEAT_SECONDS * 1_000) / 3).unref()
  }

  stop(graceMs: number): Promise<void> {
    this.#stopping ??= this.#stop(graceMs)
    return this.#stopping
  }

  async #stop(graceMs: number): Promise<void> {
    this.#unsubscribe()
    await this.#loop.stop()
    const grace = new AbortController()
    const over = sleep(graceMs, undefined, { signal: grace.signal, ref: false }).catch(() => undefined) // aborted below
    await Promise.race([Promise.all(this.#settling), over])
    grace.abort()
    await this.#giveBack([...this.#held.values()].filter((held) => !held.lost))
    clearInterval(this.#heartbeat)
  }

  async #fetch(limit: number): Promise<readonly JobWithMetadata[]> {
    await this.#options.ensureQueue()
    const { connection, queue } = this.#options
    const boss = await connection.start()
    return await boss.fetch<object>(queue, { batchSize: limit, includeMetadata: true, db: await connection.fetching() })
  }

  #fetchFailed(error: unknown): void {
    const { queue, connection, logger } = this.#options
    if (isQueueMissing(error)) connection.forgetQueue(queue)
    logger.warn(`queue ${queue}: could not fetch; trying again: ${reasonOf(error)}`)
  }

  async #deliver(job: JobWithMetadata): Promise<void> {
    const held: Held = { job, abort: new AbortController(), lost: false }
    this.#held.set(job.id, held)
    const settling = this.#handle(held).catch((error: unknown) =>
      this.#options.logger.error(`queue ${this.#options.queue}: job ${job.id} could not be settled`, error),
    )
    this.#settling.add(settling)
    await settling
    this.#settling.delete(settling)
    if (this.#held.get(job.id) === held) this.#held.delete(job.id)
  }

  async #handle(held: Held): Promise<void> {
    const { job } = held
    try {
      const output = toOutput(await this.#options.handler(this.#toDelivery(held)))
      await this.#settle(held, (boss) => this.#complete(boss, job, output))
    } catch (error) {
      await this.#fail(held, error)
    }
  }

  #toDelivery({ job, abort }: Held): JobDelivery {
    const { id, name: queueName } = { id: publicIdOf(job), name: job.name }
    return { id, queueName, data: dataOf(job.data), attempt: job.retryCount + 1, signal: abort.signal }
  }

  async #complete(boss: PgBoss, job: JobWithMetadata, output: object): Promise<object> {
    const removeAtOnce = toEnvelope(job.data)?.keep[0] === 0
    return removeAtOnce ? await boss.deleteJob(job.name, [job]) : await boss.complete(job.name, [job], output)
  }

  async #fail(held: Held, error: unknown): Promise<void> {
    const { job } = held
    const isLast = job.retryCount >= job.retryLimit
    const removeAtOnce = isLast && toEnvelope(job.data)?.keep[1] === 0
    const failure = toFailure(error)
    await this.#settle(held, (boss) =>
      removeAtOnce ? boss.deleteJob(job.name, [job]) : boss.fail(job.name, [job], failure),
    )
    if (!isLast) this.#options.bell.ring(job.name, retryDelayMs(job))
  }

  /**
   * Until the server says something definite: the handler ran, and giving up would run it again. Settled with the job
   * rather than its id, so that an attempt that was taken over writes nothing.
   */
  async #settle(held: Held, write: (boss: PgBoss) => Promise<object>): Promise<void> {
    const { queue, connection, logger } = this.#options
    for (let wait = 100; !held.lost; wait = Math.min(wait * 2, SETTLE_RETRY_MAX_MS)) {
      try {
        const settled = settledIds(await write(await connection.start()))
        if (settled.length === 0)
          logger.warn(`queue ${queue}: job ${held.job.id} was taken over; its outcome is dropped`)
        return
      } catch (error) {
        if (isRefusal(error) || isQueueMissing(error)) throw error
        logger.warn(`queue ${queue}: could not settle job ${held.job.id}; trying again`, error)
        await sleep(wait, undefined, { ref: false })
      }
    }
  }

  async #beat(): Promise<void> {
    const { queue, connection, logger } = this.#options
    const asked = [...this.#held.values()].filter((held) => !held.lost)
    if (asked.length === 0) return
    try {
      const boss = await connection.start()
      const ours = new Set(
        settledIds(
          await boss.touch(
            queue,
            asked.map((held) => held.job),
          ),
        ),
      )
      for (const held of asked) {
        // Not found: taken over, or settled while we asked.
        if (ours.has(held.job.id) || this.#held.get(held.job.id) !== held) continue
        held.lost = true
        held.abort.abort(new Error(`job ${held.job.id} was taken over by another worker`))
      }
    } catch (error) {
      logger.warn(`queue ${queue}: could not send the heartbeat of ${asked.length} jobs`, error)
    }
  }

  async #giveBack(unfinished: readonly Held[]): Promise<void> {
    if (unfinished.length === 0) return
    const { queue, connection, bell, logger } = this.#options
    for (const held of unfinished) {
      held.lost = true
      held.abort.abort(new Error('the worker is stopping'))
    }
    try {
      await requeue(
        await connection.start(),
        queue,
        unfinished.map((held) => held.job),
      )
      bell.ring(queue)
    } catch (error) {
      logger.warn(`queue ${queue}: could not give back ${unfinished.length} jobs; others get them in a minute`, error)
    }
  }
}

/** Cancelled and resumed as one, where the connection can: a job left cancelled would never run again. */
async function requeue(boss: PgBoss, queue: string, jobs: readonly JobWithMetadata[]): Promise<void> {
  const transaction = await boss.getDb().beginTransaction?.()
  const within: { db?: Db } = transaction ? { db: transaction.db } : {}
  try {
    const ids = settledIds(await boss.cancel(queue, [...jobs], within))
    if (ids.length > 0) await boss.resume(queue, [...ids], within)
    await transaction?.commit()
  } catch (error) {
    await transaction?.rollback()
    throw error
  }
}

/** Which jobs a statement of pg-boss touched; its types do not say that it tells. */
function settledIds(response: object): readonly string[] {
  return 'settled' in response && Array.isArray(response.settled) ? response.settled.map(String) : []
}

function retryDelayMs(job: JobWithMetadata): number {
  const factor = job.retryBackoff ? 2 ** Math.min(16, job.retryCount) : 1
  return job.retryDelay * factor * 1_000
}
