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
  /** Of the run that this was read from. */
  readonly runId: string
  /** The workflow's name. */
  readonly workflow: string
  /** When it was read. */
  readonly status: Run['status']
  /** As it is stored. */
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
  /** As the body named it. */
  readonly name: string
  /** 0 for the first use of the name. */
  readonly ordinal: number
  /** What was asked for. */
  readonly kind: StepKind
  /** When it was read. */
  readonly status: StepStatus
  /** rpc: the function. child: the workflow. Else null. */
  readonly rpcName: string | null
  /** Of what it was asked with; null where a kind has no input. */
  readonly inputDigest: string | null
  /** Set when it succeeded. */
  readonly output: string | null
  /** Set when it failed. */
  readonly error: string | null
  /** Why its child was cancelled. */
  readonly reason: string | null
  /** Attempts begun. */
  readonly attempt: number
  /** How many of them were lost with their worker. */
  readonly lost: number
  /** The place of the settlement that the body was given last when it asked. */
  readonly askedAfter: number
  /** Its place in the order of settlements; null while it is open. */
  readonly settledSeq: number | null
  /** When it settled; null while it is open. */
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
