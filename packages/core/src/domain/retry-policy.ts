import { NonRetryableError, RetryableError, WorkflowError } from '../contract/errors.ts'
import type { RetryPolicy } from '../contract/records.ts'
import { describe } from './describe.ts'
import { parseDuration } from './duration.ts'

/** How a step is retried, as its author writes it. */
export interface RetryOptions {
  /** Extra attempts after the first: 0 (the default) is one attempt in all. */
  readonly retries?: number | undefined
  /** Least time between two attempts: milliseconds or '5s'. Default 0. */
  readonly retryDelay?: number | string | undefined
}

// Far more than anyone waits for, and it fits every store's integers.
const MAX_RETRIES = 1_000_000

const NOT_YET = ['backoff', 'timeout', 'onUncertain'] as const

/**
 * The policy of one step: its own options, else the function's. `where` names the step, for the message.
 *
 * @throws WorkflowError `INVALID_INPUT` (retries, an option that does not exist yet) or `INVALID_DURATION`
 */
export function retryPolicy(
  options: RetryOptions | undefined,
  defaults: RetryOptions | undefined,
  where: string,
): RetryPolicy {
  if (options !== undefined) refuseNotYet(options, where)
  const retries = options?.retries ?? defaults?.retries ?? 0
  if (!Number.isInteger(retries) || retries < 0 || retries > MAX_RETRIES) {
    throw new WorkflowError(
      'INVALID_INPUT',
      `${where}: retries is ${describe(retries)}; accepted is a whole number from 0 to ${MAX_RETRIES}: the attempts after the first`,
    )
  }
  const retryDelayMs = parseDuration(options?.retryDelay ?? defaults?.retryDelay ?? 0, `${where}: retryDelay`)
  return { retries: retries + 0, retryDelayMs }
}

/** An attempt that failed, and what its step allows. */
export interface FailedAttempt {
  readonly policy: RetryPolicy
  /** Attempts begun, this one included. */
  readonly attempt: number
  /** How many of them were lost with their worker: they use up none of the retries. */
  readonly lost: number
  /** What the attempt threw. */
  readonly error: unknown
}

/** What comes after a failed attempt: another one, not before `retryInMs`, or the end of the step. Never throws. */
export function nextAttempt({ policy, attempt, lost, error }: FailedAttempt): { retryInMs: number } | 'give up' {
  if (attempt - lost >= policy.retries + 1 || isNonRetryable(error)) return 'give up'
  return { retryInMs: Math.max(policy.retryDelayMs, retryAfterMs(error)) }
}

/** Whether what was thrown says that another attempt would end the same. Never throws. */
export function isNonRetryable(error: unknown): boolean {
  // By name as well: two copies of this package may be loaded, and an error may have been through a store.
  return (
    error instanceof NonRetryableError ||
    read(error, 'name') === 'NonRetryableError' ||
    read(error, 'retryable') === false
  )
}

function retryAfterMs(error: unknown): number {
  if (!(error instanceof RetryableError) && read(error, 'name') !== 'RetryableError') return 0
  const retryAfter = read(error, 'retryAfter')
  if (typeof retryAfter !== 'number' && typeof retryAfter !== 'string') return 0
  try {
    return parseDuration(retryAfter, 'retryAfter')
  } catch {
    // The attempt has failed and must be settled, whatever its error says; retryDelay then decides alone. The unreadable
    // retryAfter is kept with the recorded error, where its author finds it.
    return 0
  }
}

function read(thing: unknown, key: string): unknown {
  if (typeof thing !== 'object' || thing === null) return undefined
  try {
    return Reflect.get(thing, key)
  } catch {
    // A getter of a thrown object that throws itself has nothing to tell us.
    return undefined
  }
}

function refuseNotYet(options: object, where: string): void {
  const found = NOT_YET.find((name) => Reflect.get(options, name) !== undefined)
  if (found === undefined) return
  throw new WorkflowError(
    'INVALID_INPUT',
    `${where}: the option ${found} is not supported yet; accepted are retries and retryDelay`,
  )
}
