import { setTimeout as sleep } from 'node:timers/promises'
import { WorkflowError } from '@pikku/core/contract'
import type { Consumer, JobDelivery, Logger } from '@pikku/core/contract'
import { backoffMs, discardsJob, encodeJobValue, toJobFailure } from '@pikku/core/queue'
import type { Db, JobWithMetadata, PgBoss } from 'pg-boss'
import type { Bell } from './bell.ts'
import { isQueueMissing, isRefusal } from './connection.ts'
import type { BossConnection } from './connection.ts'
import { FetchLoop } from './fetch-loop.ts'
import { dataOf, publicIdOf, toEnvelope, toOutput } from './job-data.ts'
import { HEARTBEAT_SECONDS } from './job-options.ts'
import { JobStatements } from './job-statements.ts'
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
  /** The handler has returned or thrown. */
  handled: boolean
}

interface Server {
  readonly boss: PgBoss
  readonly db: Db
}

/** Hands the jobs of one queue to a handler, each alone, and settles each by its own outcome. */
export class QueueConsumer implements Consumer {
  readonly #options: QueueConsumerOptions
  readonly #statements: JobStatements
  readonly #held = new Map<string, Held>()
  readonly #settling = new Set<Promise<void>>()
  readonly #loop: FetchLoop<JobWithMetadata>
  readonly #unsubscribe: () => void
  readonly #heartbeat: NodeJS.Timeout
  #stopping: Promise<void> | undefined

  constructor(options: QueueConsumerOptions) {
    this.#options = options
    this.#statements = new JobStatements(options.connection, options.queue)
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
    const held: Held = { job, abort: new AbortController(), lost: false, handled: false }
    this.#held.set(job.id, held)
    const { queue, logger } = this.#options
    const settling = this.#handle(held).catch((error: unknown) =>
      logger.error(`queue ${queue}: job ${job.id} could not be settled: ${reasonOf(error)}`),
    )
    this.#settling.add(settling)
    await settling
    this.#settling.delete(settling)
    if (this.#held.get(job.id) === held) this.#held.delete(job.id)
  }

  async #handle(held: Held): Promise<void> {
    let output: object
    try {
      output = toOutput(await this.#options.handler(this.#toDelivery(held)))
    } catch (error) {
      return await this.#fail(held, error)
    } finally {
      held.handled = true
    }
    await this.#settle(held, (server) => this.#complete(server, held.job, output))
    this.#options.bell.ringEnd(held.job.id)
  }

  #toDelivery(held: Held): JobDelivery {
    const { job, abort } = held
    return {
      id: publicIdOf(job),
      queueName: job.name,
      data: dataOf(job.data),
      attempt: job.retryCount + 1,
      signal: abort.signal,
      updateProgress: (progress) => this.#keepProgress(held, progress),
    }
  }

  async #keepProgress(held: Held, progress: unknown): Promise<void> {
    const { job } = held
    const text = encodeJobValue(progress, 'progress')
    if (!toEnvelope(job.data)) {
      const why = 'another program put it into the queue, and its data is not ours to change'
      throw new WorkflowError('CONFIGURATION', `the progress of job ${job.id} cannot be kept: ${why}`)
    }
    if (!held.lost && !held.handled && (await this.#statements.keepProgress(job, text))) return
    throw new WorkflowError(
      'LEASE_LOST',
      `the progress of job ${job.id} is dropped: its attempt ${job.retryCount + 1} is over`,
    )
  }

  async #complete({ boss, db }: Server, job: JobWithMetadata, output: object): Promise<object> {
    const removeAtOnce = toEnvelope(job.data)?.keep[0] === 0
    if (removeAtOnce) return await boss.deleteJob(job.name, [job], { db })
    return await boss.complete(job.name, [job], output, { db })
  }

  async #fail(held: Held, error: unknown): Promise<void> {
    const { job } = held
    const discarded = discardsJob(error) && job.retryCount < job.retryLimit
    const isLast = discarded || job.retryCount >= job.retryLimit
    const removeAtOnce = isLast && toEnvelope(job.data)?.keep[1] === 0
    const failure = toJobFailure(error)
    await this.#settle(held, async ({ boss, db }) => {
      if (removeAtOnce) return boss.deleteJob(job.name, [job], { db })
      // By itself harmless: should this process die here, the attempt is lost, and was the last one.
      if (discarded) await this.#statements.makeLast(job)
      return boss.fail(job.name, [job], failure, { db })
    })
    if (isLast) return this.#options.bell.ringEnd(job.id)
    await this.#ringNext(held)
  }

  /** The next attempt of a job that failed. */
  async #ringNext({ job, lost }: Held): Promise<void> {
    const { queue, bell, logger } = this.#options
    if (lost) return
    const delayMs = nextInMs(job)
    try {
      if (!isToTheSecond(job)) await this.#statements.delayNext(job, delayMs)
    } catch (error) {
      logger.warn(`queue ${queue}: the next attempt of job ${job.id} may begin late: ${reasonOf(error)}`)
    }
    bell.ring(job.name, delayMs)
  }

  /**
   * Until the server says something definite: the handler ran, and giving up would run it again. Settled with the job
   * rather than its id, so that an attempt that was taken over writes nothing.
   */
  async #settle(held: Held, write: (server: Server) => Promise<object>): Promise<void> {
    const { queue, connection, logger } = this.#options
    for (let wait = 100; !held.lost; wait = Math.min(wait * 2, SETTLE_RETRY_MAX_MS)) {
      try {
        const [boss, db] = [await connection.start(), await connection.settling()]
        const settled = settledIds(await write({ boss, db }))
        if (settled.length === 0)
          logger.warn(`queue ${queue}: job ${held.job.id} was taken over; its outcome is dropped`)
        return
      } catch (error) {
        if (isRefusal(error) || isQueueMissing(error)) throw error
        logger.warn(`queue ${queue}: could not settle job ${held.job.id}; trying again: ${reasonOf(error)}`)
        await sleep(wait, undefined, { ref: false })
      }
    }
  }

  async #beat(): Promise<void> {
    const { queue, connection, logger } = this.#options
    const asked = [...this.#held.values()].filter((held) => !held.lost)
    if (asked.length === 0) return
    try {
      const [boss, db] = [await connection.start(), await connection.settling()]
      const jobs = asked.map((held) => held.job)
      const ours = new Set(settledIds(await boss.touch(queue, jobs, { db })))
      for (const held of asked) {
        // Not found: taken over, or settled while we asked.
        if (ours.has(held.job.id) || this.#held.get(held.job.id) !== held) continue
        held.lost = true
        held.abort.abort(new Error(`job ${held.job.id} was taken over by another worker`))
      }
    } catch (error) {
      logger.warn(`queue ${queue}: could not send the heartbeat of ${asked.length} jobs: ${reasonOf(error)}`)
    }
  }

  async #giveBack(unfinished: readonly Held[]): Promise<void> {
    if (unfinished.length === 0) return
    const { queue, bell, logger } = this.#options
    for (const held of unfinished) {
      held.lost = true
      held.abort.abort(new Error('the worker is stopping'))
    }
    try {
      await Promise.all(unfinished.map(({ job }) => this.#statements.giveBack(job)))
      bell.ring(queue)
    } catch (error) {
      const why = reasonOf(error)
      logger.warn(`queue ${queue}: could not give back ${unfinished.length} jobs; others get them in a minute: ${why}`)
    }
  }
}

/** Which jobs a statement of pg-boss touched; its types do not say that it tells. */
function settledIds(response: object): readonly string[] {
  return 'settled' in response && Array.isArray(response.settled) ? response.settled.map(String) : []
}

function nextInMs(job: JobWithMetadata): number {
  const backoff = toEnvelope(job.data)?.backoff
  if (backoff) return backoffMs(backoff, job.retryCount + 1)
  const factor = job.retryBackoff ? 2 ** Math.min(16, job.retryCount) : 1
  return job.retryDelay * factor * 1_000
}

/** Whether what pg-boss does by itself is the time asked for. */
function isToTheSecond(job: JobWithMetadata): boolean {
  const backoff = toEnvelope(job.data)?.backoff
  return !backoff || (backoff.delayMs % 1_000 === 0 && (backoff.type === 'fixed' || backoff.delayMs === 0))
}
