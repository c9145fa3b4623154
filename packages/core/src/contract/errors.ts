import type { RunId, StepId } from './records.ts'

const codes = [
  'ATTEMPT_LOST',
  'CONFIGURATION',
  'INVALID_DURATION',
  'INVALID_INPUT',
  'INVALID_NAME',
  'INVALID_OUTPUT',
  'JOB_FAILED',
  'JOB_NOT_FOUND',
  'LEASE_LOST',
  'NON_DETERMINISM',
  'NOT_SERIALIZABLE',
  'PAYLOAD_TOO_LARGE',
  'RPC_NOT_FOUND',
  'RUN_CANCELLED',
  'RUN_CONFLICT',
  'RUN_NOT_FOUND',
  'RUN_SUSPENDED',
  'SCHEMA_TOO_NEW',
  'SERVER_TOO_OLD',
  'STORE_UNAVAILABLE',
  'WAIT_TIMEOUT',
  'WORKFLOW_NOT_FOUND',
] as const

/** The `code` of every error this product makes: what programs tell them apart by. */
export type WorkflowErrorCode = (typeof codes)[number]

const knownCodes: ReadonlySet<unknown> = new Set(codes)

/** Another attempt would end the same. */
const finalCodes: ReadonlySet<unknown> = new Set<WorkflowErrorCode>([
  'INVALID_INPUT',
  'NOT_SERIALIZABLE',
  'PAYLOAD_TOO_LARGE',
  'RPC_NOT_FOUND',
  'WORKFLOW_NOT_FOUND',
])

/** The base of every error this product makes. Compare `code`, or use `WorkflowError.is`: two copies of a package may be loaded. */
export class WorkflowError extends Error {
  /** What programs tell errors apart by. */
  readonly code: WorkflowErrorCode

  constructor(code: WorkflowErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
  }

  /** False where a step that throws this gains nothing by another attempt. */
  get retryable(): boolean {
    return !finalCodes.has(this.code)
  }

  /** Whether this is an error of this product, and with a `code`, that one; across copies of a package. */
  static is(error: unknown, code?: WorkflowErrorCode): error is WorkflowError {
    if (!(error instanceof Error) || !('code' in error)) return false
    return code === undefined ? knownCodes.has(error.code) : error.code === code
  }
}

/** The lease was superseded or its run has ended: nothing of the write was applied. */
export class LeaseLostError extends WorkflowError {
  constructor(runId: RunId, step?: StepId) {
    super(
      'LEASE_LOST',
      `the lease of run ${runId}${step ? `, step '${step.name}'` : ''} is no longer held here: another worker has it, or the run has ended`,
    )
  }
}

/** No run has this id: it was never started here, or it was deleted. */
export class RunNotFoundError extends WorkflowError {
  constructor(runId: RunId) {
    // On one line and cut, whatever was given.
    super('RUN_NOT_FOUND', `no run with id '${JSON.stringify(String(runId).slice(0, 200)).slice(1, -1)}'`)
  }
}

/** A job that was waited for has failed for good; `reason` is the message of what its last attempt threw. */
export class JobFailedError extends WorkflowError {
  /** The message of what the last attempt threw. */
  readonly reason: string
  constructor(queueName: string, jobId: string, reason: string) {
    // On one line and cut, whatever was given.
    const id = JSON.stringify(jobId.slice(0, 200)).slice(1, -1).replaceAll('\\"', '"')
    super('JOB_FAILED', `job '${id}' of queue '${queueName}' failed: ${reason}`)
    this.reason = reason
  }
}

/** No definite answer could be had from the database; the cause says why. Whatever was asked may be asked again. */
export class StoreUnavailableError extends WorkflowError {
  constructor(message: string, options?: ErrorOptions) {
    super('STORE_UNAVAILABLE', message, options)
  }
}

/** The code asked for something else than the run's history holds. The run is suspended for this code, not failed. */
export class NonDeterminismError extends WorkflowError {
  constructor(message: string) {
    super('NON_DETERMINISM', message)
  }
}

/** A value that cannot be kept, at `path` of it. */
export class NotSerializableError extends WorkflowError {
  /** Where it is, such as `result.user.save`. */
  readonly path: string
  constructor(path: string, message: string, options?: ErrorOptions) {
    super('NOT_SERIALIZABLE', message, options)
    this.path = path
  }
}

/**
 * Thrown by a step's function: no further attempt, whatever `retries` says.
 *
 * @example
 * throw new NonRetryableError('card declined')
 */
export class NonRetryableError extends Error {
  /** What the engine looks at; an error of any class that says false is not retried. */
  readonly retryable = false
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NonRetryableError'
  }
}

/**
 * Thrown by a step's function: the next attempt, if one is left, not before `retryAfter` (a duration: ms or '30s').
 *
 * @example
 * throw new RetryableError('rate limited', { retryAfter: '30s' })
 */
export class RetryableError extends Error {
  /** A duration: milliseconds, or '30s'. */
  readonly retryAfter: number | string
  constructor(message: string, options: ErrorOptions & { retryAfter: number | string }) {
    super(message, options)
    this.name = 'RetryableError'
    this.retryAfter = options.retryAfter
  }
}
