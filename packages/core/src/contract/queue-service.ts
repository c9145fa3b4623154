import type { Doorbell } from './doorbell.ts'

/**
 * Options of one job, the same on every queue. Anything else is an error: a misspelt option must not be ignored. Dead
 * letters, repeated jobs and rate limits are not in this release, and asking for one says so.
 */
export interface JobOptions {
  /** Higher first; among equals the one added first. A whole number from -1,000,000 to 1,000,000. Default 0. */
  readonly priority?: number
  /** Not before this much later: milliseconds, from 0 to ten years; fractions are rounded up. Default 0. */
  readonly delay?: number
  /**
   * Attempts in total, from 1 on. Default 1. An attempt whose worker died counts; one that a stopping worker gave back
   * does not.
   */
  readonly attempts?: number
  /**
   * The least time between the end of a failed attempt and the next one, in whole milliseconds. `exponential` doubles
   * it with every attempt: `delay`, 2 × `delay`, 4 × `delay` … Default: none. (An attempt whose worker died may wait
   * longer: that has to be noticed first.)
   */
  readonly backoff?: { readonly type: 'fixed' | 'exponential'; readonly delay: number }
  /**
   * How long a completed job stays known, in whole seconds; 0: not at all. Default: a day. A job that is over its age
   * is unknown to everybody, and its `jobId` is free again, whenever the queue clears it away.
   */
  readonly removeOnComplete?: { readonly age: number }
  /** The same for a job that failed. Default: a week. */
  readonly removeOnFail?: { readonly age: number }
  /**
   * The caller's own id, any string, unique in its queue: adding it again while the job is known, finished or not,
   * changes nothing (neither data nor options). Default: a random one.
   */
  readonly jobId?: string
}

/**
 * `waiting` for a worker, `delayed` until its `delay` or `backoff` is over, `active` in a worker, `completed` or `failed`
 * for good. `unknown`: it was there when it was read, and was removed since.
 */
export type JobStatus = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed' | 'unknown'

/** What is known of a job beside its data and result. Times are the queue server's. */
export interface JobMetadata {
  /** What its worker told last with `updateProgress`, in whatever attempt; undefined: nothing so far. Outlives the job's end. */
  readonly progress: unknown
  /** Attempts begun, the one under way and those that were lost with their worker included. */
  readonly attemptsMade: number
  /** Attempts allowed in total. */
  readonly attempts: number
  /** As it was added. */
  readonly priority: number
  /** When it was added. */
  readonly createdAt: Date
  /** When the latest attempt began; undefined: none did so far. */
  readonly startedAt: Date | undefined
  /** When it completed, or failed for good. */
  readonly finishedAt: Date | undefined
  /** What the latest failed attempt threw, its message; undefined when none has failed, and once the job completed. */
  readonly failedReason: string | undefined
}

/**
 * A job as it was when it was read. `status` and `metadata` look again.
 *
 * @example
 * const id = await queueService.add('mail', { to: 'a@b.c' })
 * const job = await queueService.getJob<{ to: string }, { sent: boolean }>('mail', id)
 * const { sent } = await job!.waitForCompletion(30_000)
 */
export interface QueueJob<In = unknown, Out = unknown> {
  /** Unique in its queue. */
  readonly id: string
  /** The queue it is in. */
  readonly queueName: string
  /** As it was added. */
  readonly data: In
  /** The status now. */
  status(): Promise<JobStatus>
  /** What the handler returned; undefined unless the job was completed when it was read. */
  readonly result: Out | undefined
  /**
   * Resolves with the result as soon as the job completes: pushed where the queue can push, and polled behind it.
   * `ttlMs`: how long to wait at most, in milliseconds from 0 on; default: until the job ends. A server that is away for a
   * while is waited for.
   *
   * @throws `JobFailedError` when the job failed for good; `WorkflowError` with code `WAIT_TIMEOUT` when `ttlMs` is over (the
   *   job goes on), `STORE_UNAVAILABLE` when it is over and the server cannot be asked, `JOB_NOT_FOUND` when the job was
   *   removed before its end was seen (`age: 0` leaves nothing to see),
   *   `INVALID_INPUT` for a bad `ttlMs`, `CONFIGURATION` when the queue service is or was closed
   */
  waitForCompletion(ttlMs?: number): Promise<Out>
  /** What is known of it now. @throws `WorkflowError` with code `JOB_NOT_FOUND` when the job was removed since */
  metadata(): Promise<JobMetadata>
}

/** How a queue is consumed. Rate limits and dead letters are not in this release, and asking for one says so. */
export interface WorkerOptions {
  /** Jobs of this queue at once in this process: a whole number from 1 on. Default 1. */
  readonly concurrency?: number
}

/**
 * One delivery of a job to its handler. What the handler returns is the job's result. What it throws fails the attempt,
 * and the job as well when no attempt is left; so does a result that cannot be kept. An error whose `retryable` is
 * false (`NonRetryableError`, and `WorkflowError` where another attempt would end the same) discards the job: it fails
 * at once, however many attempts are left.
 */
export interface JobDelivery {
  /** Unique in its queue. */
  readonly id: string
  /** The queue it came from. */
  readonly queueName: string
  /** As it was added. */
  readonly data: unknown
  /** 1 for the first. Grows with every attempt that failed or was lost, not with those that were given back. */
  readonly attempt: number
  /** Aborts when the worker is told to stop and its grace is over, or when the job was taken over by another worker. */
  readonly signal: AbortSignal
  /**
   * Keep how far the job is: any value that can be kept. It replaces the one before; resolves when it is kept.
   *
   * @throws `NotSerializableError`; `WorkflowError` with code `LEASE_LOST` once this attempt is over: its handler has
   *   returned, the job was given back or taken over
   */
  updateProgress(progress: unknown): Promise<void>
}

/** What `consume` resolves with. */
export interface Consumer {
  /**
   * Take no more jobs; wait `graceMs` for those under way, then abort their signals and give them back: others take them
   * at once, and whatever their handlers still return or throw is dropped. Again: the same promise.
   */
  stop(graceMs: number): Promise<void>
}

/**
 * What users get of a queue, and the engine's doorbell over the same connection. A constructor opens nothing; what is
 * needed is made on first use, queues included, whoever comes first.
 *
 * Names of queues are 1 to 200 letters, digits and `_ . - /`; any other is a `WorkflowError` with code `INVALID_NAME` in
 * every method that takes one. After `close` every method rejects with code `CONFIGURATION`.
 *
 * @example
 * const id = await queueService.add('mail', { to: 'a@b.c' })
 * const job = await queueService.getJob('mail', id)
 */
export interface QueueService {
  /**
   * Resolves with the job's id once the job is safe with the server. Data and results keep their type, as the values
   * of workflows do.
   *
   * @throws `NotSerializableError` with the path of what cannot be kept; `WorkflowError` with code `INVALID_INPUT` for an
   *   unknown or bad option
   */
  add(queueName: string, data: unknown, options?: JobOptions): Promise<string>
  /** From any process. Null for an unknown id, whatever its form (no string, even), and for a queue nothing was ever added to. */
  getJob<In = unknown, Out = unknown>(queueName: string, jobId: string): Promise<QueueJob<In, Out> | null>
  /**
   * Start handing this queue's jobs to `handler`, each to one consumer of all there are. A job whose worker died is
   * noticed, and handed to another.
   *
   * @throws `WorkflowError` with code `INVALID_INPUT` for an unknown or bad option
   */
  consume(queueName: string, options: WorkerOptions, handler: (job: JobDelivery) => Promise<unknown>): Promise<Consumer>
  /** The doorbell on these two queues. After `close` it rejects, as all else does. */
  doorbell(queues: WorkflowQueues): Doorbell
  /** Create what is needed now instead of on first use. */
  init(): Promise<void>
  /**
   * Stop what still consumes (jobs under way are given back) or answers a doorbell, and close what this service opened itself.
   * Again: nothing more.
   */
  close(): Promise<void>
}

/** The names of the two queues that workflows run on. */
export interface WorkflowQueues {
  /** Carries runs that can go on. */
  readonly orchestrator: string
  /** Carries steps that can be attempted. */
  readonly worker: string
}

/** Where messages go. Each is one line; `details` is an error or an object, where there is more to say. */
export interface Logger {
  /** What only somebody who looks for a defect wants to know. */
  debug(message: string, details?: unknown): void
  /** What happens in the normal course of things. */
  info(message: string, details?: unknown): void
  /** What somebody should look at, though work goes on. */
  warn(message: string, details?: unknown): void
  /** What failed. */
  error(message: string, details?: unknown): void
}
