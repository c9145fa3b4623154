import type { JobPlan } from '@pikku/core/queue'
import type { Job, JobsOptions } from 'bullmq'

/** BullMQ takes 1 first and 2,097,151 last; 0 in ours lies in the middle. */
const PRIORITY_MIDDLE = 1_048_576

/** So long BullMQ keeps every finished job, unless `isOver` or `shiftOf` say otherwise. */
const KEPT_SECONDS = { completed: 86_400, failed: 604_800 } as const

/** The ages that BullMQ clears finished jobs away by: the same for all jobs of a queue, because the youngest applies to all. */
export const RETENTION = {
  removeOnComplete: { age: KEPT_SECONDS.completed },
  removeOnFail: { age: KEPT_SECONDS.failed },
} as const

/** What the options of a job mean to BullMQ. */
export function toJobsOptions(plan: JobPlan): JobsOptions {
  return {
    priority: PRIORITY_MIDDLE - plan.priority,
    ...(plan.delayMs > 0 ? { delay: plan.delayMs } : {}),
    attempts: plan.attempts,
    ...(plan.backoff.delayMs > 0 ? { backoff: { type: plan.backoff.type, delay: plan.backoff.delayMs } } : {}),
    removeOnComplete: plan.keepCompletedSeconds === 0 || RETENTION.removeOnComplete,
    removeOnFail: plan.keepFailedSeconds === 0 || RETENTION.removeOnFail,
    stackTraceLimit: 10,
  }
}

/** Ours of BullMQ's priority. Another program's jobs without one come before all others. */
export function priorityOf(job: Job): number {
  return PRIORITY_MIDDLE - job.priority
}

/** In total; BullMQ says 0 for one. */
export function attemptsOf(job: Job): number {
  return Math.max(1, job.opts.attempts ?? 1)
}

/** Attempts that are over: failed, or lost with their worker. Those that were given back do not count. */
export function attemptsOver(job: Job): number {
  return job.attemptsMade + job.stalledCounter
}

/** What a finished job's place in time has to be moved by, in ms, for BullMQ to clear it away when its own age is over. */
export function shiftOf(end: 'completed' | 'failed', keepSeconds: number): number {
  return Number.isFinite(keepSeconds) ? (keepSeconds - KEPT_SECONDS[end]) * 1_000 : 0
}

/** Jobs placed before this are over. */
export function overBefore(end: 'completed' | 'failed'): number {
  return Date.now() - KEPT_SECONDS[end] * 1_000
}
