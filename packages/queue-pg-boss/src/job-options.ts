import type { JobPlan } from '@pikku/core/queue'
import type { JobInsert } from 'pg-boss'

/** A job whose worker gave no sign of life for so long has lost that attempt. */
export const HEARTBEAT_SECONDS = 30
/** pg-boss allows no attempt to take longer than a day. */
const ATTEMPT_MAX_SECONDS = 86_400
/** A job waits for a worker as long as it must. */
const WAIT_MAX_SECONDS = 315_360_000

/** What a plan means to pg-boss. */
export function toJobInsert(plan: JobPlan): Omit<JobInsert, 'id' | 'data'> {
  const { priority, delayMs, attempts, backoff, keepCompletedSeconds, keepFailedSeconds } = plan
  return {
    priority,
    // An interval, counted by the server's clock.
    ...(delayMs > 0 ? { startAfter: intervalOf(delayMs) } : {}),
    retryLimit: attempts - 1,
    // It counts this in seconds, and its doubling has some chance in it: whoever fails an attempt puts the exact time
    // in its place. What is said here holds for attempts that are lost.
    retryDelay: Math.ceil(backoff.delayMs / 1_000),
    retryBackoff: backoff.type === 'exponential' && backoff.delayMs > 0,
    heartbeatSeconds: HEARTBEAT_SECONDS,
    expireInSeconds: ATTEMPT_MAX_SECONDS,
    retentionSeconds: WAIT_MAX_SECONDS,
    // One figure for both ends in pg-boss, and 0 means for ever there; the shorter one is kept to when reading.
    deleteAfterSeconds: Math.max(1, keepCompletedSeconds, keepFailedSeconds),
  }
}

/** Milliseconds as PostgreSQL reads them. */
export function intervalOf(ms: number): string {
  return `${ms / 1_000} seconds`
}
