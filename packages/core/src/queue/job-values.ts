import { isNonRetryable } from '../domain/retry-policy.ts'
import { decodeValue, encodeValue } from '../engine/values.ts'

/**
 * A job's data, result or progress as text: well-formed Unicode without U+0000. The same values can be kept as in
 * workflows. `what` names the value in errors and begins their path.
 *
 * @throws NotSerializableError
 */
export function encodeJobValue(value: unknown, what: 'data' | 'result' | 'progress'): string {
  return encodeValue(value, `the ${what} of a job`)
}

/** The value again. @throws UnreadablePayloadError for a text that `encodeJobValue` did not make */
export function decodeJobValue(text: string): unknown {
  return decodeValue(text)
}

/** What a handler threw, in words that any column takes. */
export interface JobFailure {
  /** The error's `name`; 'Error' for what is no error. */
  readonly name: string
  /** The error's `message`, or what was thrown as text. */
  readonly message: string
  /** Where it was thrown, where that is known. */
  readonly stack?: string
}

/** Never throws. */
export function toJobFailure(thrown: unknown): JobFailure {
  if (!(thrown instanceof Error)) return { name: 'Error', message: textOf(() => thrown) }
  const stack = thrown.stack === undefined ? {} : { stack: textOf(() => thrown.stack) }
  return { name: textOf(() => thrown.name), message: textOf(() => thrown.message), ...stack }
}

/** Whether the job fails at once, however many attempts are left. */
export function discardsJob(thrown: unknown): boolean {
  return isNonRetryable(thrown)
}

function textOf(read: () => unknown): string {
  try {
    return String(read()).replaceAll('\u0000', '\u{fffd}').toWellFormed()
  } catch {
    // What was thrown cannot be shown as text; the job has failed all the same.
    return 'something that cannot be shown was thrown'
  }
}
