import type { Run, StepDetail, StepKind, StepStatus, WorkflowReader } from '../contract/index.ts'
import { RunNotFoundError } from '../contract/index.ts'
import { isRunId } from '../domain/names.ts'

/**
 * What one run asked for and was given, as plain JSON: `workflowService.exportHistory` makes it, `replayHistory` of
 * `@pikku/core/testing` holds it against the code of today. Payloads are as they are stored: what a codec encrypted stays
 * encrypted.
 */
export interface RecordedHistory {
  /** Of this shape. */
  readonly format: 1
  readonly runId: string
  readonly workflow: string
  readonly status: Run['status']
  readonly input: string
  /** Set when completed. */
  readonly output: string | null
  /** Set when failed. */
  readonly error: string | null
  /** Why it was cancelled or is suspended. */
  readonly reason: string | null
  /** Milliseconds since the epoch, as every instant here. */
  readonly createdAt: number
  /** In the order they were asked for. */
  readonly steps: readonly RecordedStep[]
}

/** A step of a recorded history. Its input is known by its digest alone. */
export interface RecordedStep {
  readonly name: string
  /** 0 for the first use of the name. */
  readonly ordinal: number
  readonly kind: StepKind
  readonly status: StepStatus
  readonly rpcName: string | null
  readonly inputDigest: string | null
  readonly output: string | null
  readonly error: string | null
  readonly reason: string | null
  readonly attempt: number
  readonly lost: number
  /** The place of the settlement that the body was given last when it asked. */
  readonly askedAfter: number
  /** Its place in the order of settlements; null while it is open. */
  readonly settledSeq: number | null
  readonly settledAt: number | null
}

/** @throws RunNotFoundError */
export async function readRecordedHistory(reader: WorkflowReader, runId: string): Promise<RecordedHistory> {
  const run = isRunId(runId) ? await reader.getRun(runId) : null
  if (run === null) throw new RunNotFoundError(runId)
  const { workflow, status, input, output, error, reason, createdAt } = run
  const steps = (await reader.listSteps(runId)).map(toRecordedStep)
  return { format: 1, runId, workflow, status, input, output, error, reason, createdAt, steps }
}

function toRecordedStep(step: StepDetail): RecordedStep {
  const { id, kind, status, rpcName, inputDigest, output, error, reason, attempt, lost } = step
  const { askedAfter, settledSeq, settledAt } = step
  const outcome = { output, error, reason, attempt, lost }
  return { ...id, kind, status, rpcName, inputDigest, ...outcome, askedAfter, settledSeq, settledAt }
}
