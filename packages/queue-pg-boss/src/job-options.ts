import { inspect } from 'node:util'
import { WorkflowError } from '@pikku/core/contract'
import type { JobOptions } from '@pikku/core/contract'
import type { JobInsert } from 'pg-boss'

/** Without `removeOnComplete`, a completed job is kept a day; without `removeOnFail`, a failed one a week. */
const KEEP_COMPLETED_SECONDS = 86_400
const KEEP_FAILED_SECONDS = 604_800
/** A job whose worker gave no sign of life for so long has lost that attempt. */
export const HEARTBEAT_SECONDS = 30
/** pg-boss allows no attempt to take longer than a day. */
const ATTEMPT_MAX_SECONDS = 86_400
/** A job waits for a worker as long as it must. */
const WAIT_MAX_SECONDS = 315_360_000
const INT_MAX = 2_147_483_647

const OPTIONS: readonly (keyof JobOptions)[] = [
  'priority',
  'delay',
  'attempts',
  'backoff',
  'removeOnComplete',
  'removeOnFail',
  'jobId',
]

/** Throws for what is no option of a job; figures are checked where they are read. */
export function checkJobOptions(options: unknown): asserts options is JobOptions {
  if (typeof options !== 'object' || options === null) throw bad('the options of a job', 'an object', options)
  const unknown = Object.keys(options).find((key) => !OPTIONS.some((option) => option === key))
  if (unknown !== undefined) {
    throw new WorkflowError('INVALID_INPUT', `a job has no option '${unknown}'; accepted are ${OPTIONS.join(', ')}`)
  }
  const { backoff, removeOnComplete, removeOnFail, jobId }: Readonly<Record<string, unknown>> = { ...options }
  if (backoff !== undefined && !/^(fixed|exponential)$/.test(String(Object(backoff).type)))
    throw bad('backoff', "{ type: 'fixed' or 'exponential', delay: milliseconds }", backoff)
  for (const [name, value] of Object.entries({ removeOnComplete, removeOnFail }))
    if (value !== undefined && typeof value !== 'object') throw bad(name, '{ age: seconds }', value)
  if (jobId !== undefined && typeof jobId !== 'string') throw bad('jobId', 'a string', jobId)
}

function bad(what: string, accepted: string, given: unknown): WorkflowError {
  return new WorkflowError('INVALID_INPUT', `${what} must be ${accepted}, not ${inspect(given, { depth: 1 })}`)
}

/** Seconds to keep a job once completed and once failed. */
export function keepOf(options: JobOptions): readonly [completed: number, failed: number] {
  const { removeOnComplete, removeOnFail } = options
  return [
    whole('removeOnComplete.age', removeOnComplete?.age ?? KEEP_COMPLETED_SECONDS, { min: 0, max: INT_MAX }),
    whole('removeOnFail.age', removeOnFail?.age ?? KEEP_FAILED_SECONDS, { min: 0, max: INT_MAX }),
  ]
}

/** What `options` mean to pg-boss. It counts the time between attempts in seconds: milliseconds are rounded up. */
export function toJobInsert(options: JobOptions): Omit<JobInsert, 'id' | 'data'> {
  const { priority = 0, attempts = 1, backoff } = options
  const delay = delayOf(options)
  return {
    priority: whole('priority', priority, { min: -INT_MAX, max: INT_MAX }),
    // An interval, counted by the server's clock.
    ...(delay > 0 ? { startAfter: `${delay / 1_000} seconds` } : {}),
    retryLimit: whole('attempts', attempts, { min: 1, max: INT_MAX }) - 1,
    retryDelay: Math.ceil(whole('backoff.delay', backoff?.delay ?? 0, { min: 0, max: INT_MAX }) / 1_000),
    retryBackoff: backoff?.type === 'exponential',
    heartbeatSeconds: HEARTBEAT_SECONDS,
    expireInSeconds: ATTEMPT_MAX_SECONDS,
    retentionSeconds: WAIT_MAX_SECONDS,
    // One figure for both ends in pg-boss, and 0 means for ever there; the shorter one is kept to when reading.
    deleteAfterSeconds: Math.max(1, ...keepOf(options)),
  }
}

/** How long to hold a job back, in ms. */
export function delayOf(options: JobOptions): number {
  const { delay = 0 } = options
  return whole('delay', typeof delay === 'number' ? Math.ceil(delay) : delay, { min: 0, max: WAIT_MAX_SECONDS * 1_000 })
}

/** Throws for a name that pg-boss would not take. */
export function checkQueueName(name: string): string {
  if (typeof name === 'string' && /^[\w.\-/]{1,200}$/.test(name)) return name
  const words = `'${String(name)}' is not a queue name: letters, digits and _ . - / are allowed, up to 200 of them`
  throw new WorkflowError('INVALID_NAME', words)
}

function whole(what: string, value: number, { min, max }: { min: number; max: number }): number {
  if (Number.isSafeInteger(value) && value >= min && value <= max) return value
  throw bad(what, `a whole number from ${min} to ${max}`, value)
}
