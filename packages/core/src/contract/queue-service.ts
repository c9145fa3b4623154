import type { Doorbell } from './doorbell.ts'

/** Options of one job. The same meaning on every queue; times in milliseconds. */
export interface JobOptions {
  /** Higher first. Default 0. */
  readonly priority?: number
  /** Not before this much later. Default 0. */
  readonly delay?: number
  /** Attempts in total. Default 1. */
  readonly attempts?: number
  readonly backoff?: { readonly type: 'fixed' | 'exponential'; readonly delay: number }
  /** Keep a finished job so long (seconds). */
  readonly removeOnComplete?: { readonly age: number }
  readonly removeOnFail?: { readonly age: number }
  /** The caller's own id: adding it again while the job is known changes nothing. */
  readonly jobId?: string
}

export type JobStatus = 'waiting' | 'delayed' | 'active' | 'completed' | 'failed' | 'unknown'

export interface QueueJob<In = unknown, Out = unknown> {
  readonly id: string
  readonly queueName: string
  readonly data: In
  status(): Promise<JobStatus>
  /** The handler's result, once completed. */
  readonly result: Out | undefined
}

export interface WorkerOptions {
  /** Jobs of this queue at once in this process. Default 1. */
  readonly concurrency?: number
}

/** One delivery of a job to its handler. What the handler returns is the job's result; what it throws fails the attempt. */
export interface JobDelivery {
  readonly id: string
  readonly queueName: string
  readonly data: unknown
  readonly attempt: number
  /** Aborts when the worker is told to stop and its grace is over. */
  readonly signal: AbortSignal
}

export interface Consumer {
  /** Take no more jobs; wait `graceMs` for those under way, then abort their signals and give them back. */
  stop(graceMs: number): Promise<void>
}

/**
 * What users get of a queue, and the engine's doorbell over the same connection.
 *
 * @example
 * const id = await queueService.add('mail', { to: 'a@b.c' })
 * const job = await queueService.getJob('mail', id)
 */
export interface QueueService {
  add(queueName: string, data: unknown, options?: JobOptions): Promise<string>
  /** Null for an unknown id, whatever its form. */
  getJob<In = unknown, Out = unknown>(queueName: string, jobId: string): Promise<QueueJob<In, Out> | null>
  /** Start handing this queue's jobs to `handler`. */
  consume(queueName: string, options: WorkerOptions, handler: (job: JobDelivery) => Promise<unknown>): Promise<Consumer>
  /** The doorbell on these two queues. */
  doorbell(queues: WorkflowQueues): Doorbell
  /** Create what is needed now instead of on first use. */
  init(): Promise<void>
  /** Close what this service opened itself. */
  close(): Promise<void>
}

export interface WorkflowQueues {
  readonly orchestrator: string
  readonly worker: string
}

export interface Logger {
  debug(message: string, details?: unknown): void
  info(message: string, details?: unknown): void
  warn(message: string, details?: unknown): void
  error(message: string, details?: unknown): void
}
