import type { Attempt, Payload, Run, StepDetail } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import type { RecordedError, WorkflowRun } from '../define/index.ts'
import { quote } from '../domain/describe.ts'
import { asError } from '../domain/serialized-error.ts'
import { describeStep } from '../domain/step-id.ts'
import type { Payloads } from '../engine/payloads.ts'
import { CodecFailedError, UnreadablePayloadError } from '../engine/values.ts'

/** One finished attempt of an RPC or inline step. */
export interface HistoryEntry {
  /** As the body named it. */
  readonly stepName: string
  /** 0 for the first use of the name in this run, 1 for the second … */
  readonly ordinal: number
  /** `rpc`: a function of the app, in any worker. `inline`: a function in the body. */
  readonly kind: 'rpc' | 'inline'
  /** The function an RPC step called. */
  readonly rpcName: string | undefined
  /** `failed` also for an attempt that was lost. */
  readonly status: 'succeeded' | 'failed'
  /** 1, 2, 3 … */
  readonly attemptCount: number
  /** Set when it succeeded. */
  readonly result: unknown
  /** Set when it failed; `code: 'ATTEMPT_LOST'` when its worker died. */
  readonly error: RecordedError | undefined
  /** The process that ran it. */
  readonly worker: string | undefined
  /** When the attempt began. */
  readonly createdAt: Date
  /** The same as `createdAt`. */
  readonly startedAt: Date
  /** When the attempt ended, or was found lost. */
  readonly endedAt: Date
}

/** A step as it stands now, sleeps and open ones included. */
export interface StepView {
  /** As the body named it. */
  readonly stepName: string
  /** 0 for the first use of the name in this run, 1 for the second … */
  readonly ordinal: number
  /** What was asked for. */
  readonly kind: StepDetail['kind']
  /** The function an RPC step calls. */
  readonly rpcName: string | undefined
  /** `scheduled`: waits for a worker, for its time, or for a retry. `running`: a worker has it. */
  readonly status: StepDetail['status']
  /** Attempts begun: 0 before the first. */
  readonly attemptCount: number
  /** The process that has it, or that had it last. */
  readonly worker: string | undefined
  /** When a sleep ends or a retry may run; by the clock of this process. */
  readonly dueAt: Date | undefined
  /** When the body asked for it. */
  readonly createdAt: Date
  /** When the latest attempt began. */
  readonly startedAt: Date | undefined
  /** When it settled; undefined while it is open. */
  readonly endedAt: Date | undefined
}

/** @throws CodecFailedError */
export async function toWorkflowRun(run: Run, payloads: Payloads): Promise<WorkflowRun> {
  const of = `of run ${quote(run.runId)}`
  const [input, output, error] = await Promise.all([
    shown(run.input, `the input ${of}`, payloads),
    shown(run.output, `the output ${of}`, payloads),
    shown(run.error, `the error ${of}`, payloads),
  ])
  return {
    id: run.runId,
    workflow: run.workflow,
    status: run.status,
    input,
    output,
    error: error === undefined ? reasonOf(run) : asError(error),
    tags: run.tags,
    createdAt: new Date(run.createdAt),
    updatedAt: new Date(run.updatedAt),
    endedAt: run.endedAt === null ? undefined : new Date(run.endedAt),
  }
}

export async function toHistoryEntry(attempt: Attempt, payloads: Payloads): Promise<HistoryEntry> {
  const step = `of step ${describeStep(attempt.step)}`
  const [result, error] = await Promise.all([
    shown(attempt.output, `the result ${step}`, payloads),
    attempt.outcome === 'lost' ? lostError(attempt) : shown(attempt.error, `the error ${step}`, payloads),
  ])
  return {
    stepName: attempt.step.name,
    ordinal: attempt.step.ordinal,
    kind: attempt.kind,
    rpcName: attempt.rpcName ?? undefined,
    status: attempt.outcome === 'succeeded' ? 'succeeded' : 'failed',
    attemptCount: attempt.attempt,
    result,
    error: error === undefined ? undefined : asError(error),
    worker: attempt.worker ?? undefined,
    createdAt: new Date(attempt.startedAt),
    startedAt: new Date(attempt.startedAt),
    endedAt: new Date(attempt.endedAt),
  }
}

export function toStepView(step: StepDetail, now: number): StepView {
  const open = step.settledSeq === null
  return {
    stepName: step.id.name,
    ordinal: step.id.ordinal,
    kind: step.kind,
    rpcName: step.rpcName ?? undefined,
    status: step.status,
    attemptCount: step.attempt,
    worker: step.worker ?? undefined,
    dueAt: open && step.dueInMs !== null ? new Date(now + step.dueInMs) : undefined,
    createdAt: new Date(step.createdAt),
    startedAt: step.startedAt === null ? undefined : new Date(step.startedAt),
    endedAt: step.settledAt === null ? undefined : new Date(step.settledAt),
  }
}

/** What `waitForRun` rejects with when the run did not complete. */
export async function failureOf(run: Run, payloads: Payloads): Promise<unknown> {
  if (run.status === 'failed' && run.error !== null)
    return asError(await payloads.decode(run.error, () => `the error of run ${quote(run.runId)}`))
  return new WorkflowError('RUN_CANCELLED', `run ${run.runId} was cancelled: ${run.reason ?? 'no reason was given'}`)
}

/**
 * A value for people to look at. One that nobody can read is no reason to show nothing of its run, and of its neighbours
 * in a list: the error that says why stands in its place.
 */
async function shown(payload: Payload | null, what: string, payloads: Payloads): Promise<unknown> {
  if (payload === null) return undefined
  try {
    return await payloads.decode(payload, () => what)
  } catch (error) {
    if (error instanceof CodecFailedError || !(error instanceof UnreadablePayloadError)) throw error
    return error
  }
}

function reasonOf(run: Run): RecordedError | undefined {
  if (run.status !== 'cancelled' && run.status !== 'suspended') return undefined
  const code = run.status === 'cancelled' ? 'RUN_CANCELLED' : 'RUN_SUSPENDED'
  return new WorkflowError(code, run.reason ?? (run.status === 'cancelled' ? 'cancelled' : 'waits for a signal'))
}

function lostError(attempt: Attempt): RecordedError {
  const by = attempt.worker === null ? '' : ` on ${attempt.worker}`
  return new WorkflowError(
    'ATTEMPT_LOST',
    `attempt ${attempt.attempt} of step '${attempt.step.name}'${by} was lost with its worker`,
  )
}
