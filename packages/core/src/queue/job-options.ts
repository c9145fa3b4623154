import type { JobOptions, WorkerOptions } from '../contract/queue-service.ts'
import { WorkflowError } from '../contract/errors.ts'
import { describe } from '../domain/describe.ts'

/** Without `removeOnComplete`, a completed job is kept a day; without `removeOnFail`, a failed one a week. */
const KEEP_COMPLETED_SECONDS = 86_400
const KEEP_FAILED_SECONDS = 604_800
/** As much as the narrower of the queues can tell apart. */
const PRIORITY_MAX = 1_000_000
/** Ten years. */
const DELAY_MAX_MS = 315_360_000_000
const INT_MAX = 2_147_483_647

/** A job's options with nothing left open. */
export interface JobPlan {
  /** From -1,000,000 to 1,000,000, higher first. */
  readonly priority: number
  /** Not before this much later. */
  readonly delayMs: number
  /** In total. */
  readonly attempts: number
  /** `delayMs` 0: none. */
  readonly backoff: Backoff
  /** How long the job stays known once it completed; 0: not at all. */
  readonly keepCompletedSeconds: number
  /** The same once it failed. */
  readonly keepFailedSeconds: number
  /** The caller's own; undefined: a random one is to be made. */
  readonly jobId: string | undefined
}

/** The time between attempts. */
export interface Backoff {
  /** `exponential` doubles it with every attempt. */
  readonly type: 'fixed' | 'exponential'
  /** From the end of a failed attempt to the start of the next. */
  readonly delayMs: number
}

const jobOptions: readonly (keyof JobOptions)[] = [
  'priority',
  'delay',
  'attempts',
  'backoff',
  'removeOnComplete',
  'removeOnFail',
  'jobId',
]
const workerOptions: readonly (keyof WorkerOptions)[] = ['concurrency']

/** What other queues have, so that whoever looks for it is not told of a spelling mistake. */
const notInThisRelease: ReadonlySet<string> = new Set([
  ...['deadLetter', 'deadLetterQueue', 'dlq'],
  ...['repeat', 'every', 'cron', 'schedule', 'pattern'],
  ...['limiter', 'rateLimit', 'rateLimiter'],
])

/**
 * What `add`'s options mean, the same on every queue.
 *
 * @throws WorkflowError `INVALID_INPUT`
 */
export function planJob(options: JobOptions = {}): JobPlan {
  checkKeys('a job', jobOptions, options)
  const { priority = 0, delay = 0, attempts = 1, jobId } = options
  if (jobId !== undefined && typeof jobId !== 'string') throw bad('jobId', 'a string', jobId)
  return {
    priority: whole('priority', priority, { min: -PRIORITY_MAX, max: PRIORITY_MAX }),
    delayMs: whole('delay', typeof delay === 'number' ? Math.ceil(delay) : delay, { min: 0, max: DELAY_MAX_MS }),
    attempts: whole('attempts', attempts, { min: 1, max: INT_MAX }),
    backoff: backoffOf(options.backoff),
    keepCompletedSeconds: ageOf('removeOnComplete', options.removeOnComplete, KEEP_COMPLETED_SECONDS),
    keepFailedSeconds: ageOf('removeOnFail', options.removeOnFail, KEEP_FAILED_SECONDS),
    jobId,
  }
}

/** How long to wait after the `failed`th attempt failed, in ms. */
export function backoffMs({ type, delayMs }: Backoff, failed: number): number {
  return Math.min(type === 'exponential' ? delayMs * 2 ** (failed - 1) : delayMs, DELAY_MAX_MS)
}

/**
 * Jobs at once, of `consume`'s options.
 *
 * @throws WorkflowError `INVALID_INPUT`
 */
export function concurrencyOf(options: WorkerOptions): number {
  checkKeys('a worker', workerOptions, options)
  const { concurrency = 1 } = options
  if (Number.isSafeInteger(concurrency) && concurrency >= 1) return concurrency
  throw bad('concurrency', 'a whole number from 1', concurrency)
}

/** The name, where it is one on every queue. @throws WorkflowError `INVALID_NAME` where it is not */
export function checkQueueName(name: string): string {
  if (typeof name === 'string' && /^[\w.\-/]{1,200}$/.test(name)) return name
  throw new WorkflowError(
    'INVALID_NAME',
    `${describe(name)} is not a queue name: letters, digits and _ . - / are allowed, up to 200 of them`,
  )
}

/** @throws WorkflowError `INVALID_INPUT` for what is no time to wait */
export function checkTtl(ttlMs: number | undefined): void {
  if (ttlMs === undefined || (Number.isFinite(ttlMs) && ttlMs >= 0)) return
  throw bad('ttlMs', 'a number of milliseconds from 0', ttlMs)
}

function backoffOf(backoff: JobOptions['backoff']): Backoff {
  if (backoff === undefined) return { type: 'fixed', delayMs: 0 }
  if (typeof backoff !== 'object' || backoff === null) {
    throw bad('backoff', "{ type: 'fixed' or 'exponential', delay: milliseconds }", backoff)
  }
  const { type, delay }: Readonly<Record<string, unknown>> = { ...backoff }
  if (type !== 'fixed' && type !== 'exponential') throw bad('backoff.type', "'fixed' or 'exponential'", type)
  return { type, delayMs: whole('backoff.delay', delay, { min: 0, max: INT_MAX }) }
}

function ageOf(name: string, remove: { readonly age: number } | undefined, byDefault: number): number {
  if (remove === undefined) return byDefault
  if (typeof remove !== 'object' || remove === null) throw bad(name, '{ age: seconds }', remove)
  return whole(`${name}.age`, remove.age, { min: 0, max: INT_MAX })
}

function checkKeys(whose: string, known: readonly string[], options: unknown): void {
  if (typeof options !== 'object' || options === null) throw bad(`the options of ${whose}`, 'an object', options)
  const unknown = Object.keys(options).find((key) => !known.includes(key))
  if (unknown === undefined) return
  const problem = notInThisRelease.has(unknown)
    ? `${whose}'s option ${describe(unknown)} is not in this release`
    : `${whose} has no option ${describe(unknown)}`
  throw new WorkflowError('INVALID_INPUT', `${problem}; accepted: ${known.join(', ')}`)
}

function whole(what: string, value: unknown, { min, max }: { min: number; max: number }): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max) return value + 0
  throw bad(what, `a whole number from ${min} to ${max}`, value)
}

function bad(what: string, accepted: string, given: unknown): WorkflowError {
  return new WorkflowError('INVALID_INPUT', `${what} must be ${accepted}, not ${describe(given)}`)
}
