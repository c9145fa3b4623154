import type { RetryPolicy, StepOutcome } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import { nextAttempt } from '../domain/retry-policy.ts'
import type { Payloads } from './payloads.ts'

/** A step's function, about to be entered. */
export interface StepCall {
  readonly call: () => unknown
  /** The step's name, for errors. */
  readonly step: string
  readonly policy: RetryPolicy
  readonly attempt: number
  readonly lost: number
}

/**
 * Enter the function once and make an outcome of whatever it does. Rejects only for what is not the step's doing: a codec
 * that fails while its outcome is encoded.
 */
export async function runAttempt(
  { call, step, policy, attempt, lost }: StepCall,
  payloads: Payloads,
): Promise<StepOutcome> {
  const startedAt = performance.now()
  const durationMs = (): number => Math.round(performance.now() - startedAt)
  const failed = async (error: unknown, retries: number): Promise<StepOutcome> => {
    const next = nextAttempt({ policy: { ...policy, retries }, attempt, lost, error })
    const payload = await payloads.encodeError(error)
    if (next === 'give up') return { kind: 'failed', error: payload, durationMs: durationMs() }
    return { kind: 'retry', error: payload, delayMs: next.retryInMs, durationMs: durationMs() }
  }
  let result: unknown
  try {
    result = await call()
  } catch (error) {
    return failed(error, policy.retries)
  }
  try {
    const encoded = await payloads.encodeNow(result, `the result of step '${step}'`)
    return { kind: 'succeeded', output: encoded.payload, durationMs: durationMs() }
  } catch (error) {
    // It would be the same after another attempt, and that one's side effects would be real.
    if (isUnkeepable(error)) return failed(error, 0)
    throw error
  }
}

/** A value that can never be kept, as opposed to one that could not be kept this time. */
export function isUnkeepable(error: unknown): boolean {
  return WorkflowError.is(error, 'NOT_SERIALIZABLE') || WorkflowError.is(error, 'PAYLOAD_TOO_LARGE')
}
