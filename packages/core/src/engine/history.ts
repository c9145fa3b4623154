import type { Changes, Settlement, Step, WorkflowStore } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import type { InlineRecord } from '../contract/index.ts'
import { asError } from '../domain/serialized-error.ts'
import { describeStep } from '../domain/step-id.ts'
import type { Outcome, ReplayStep } from '../replay/index.ts'
import type { Payloads } from './payloads.ts'

/** The steps of an answer and of the pages behind it, with the revision they are complete to. */
export async function readToEnd(
  store: WorkflowStore,
  runId: string,
  first: Changes,
): Promise<{ steps: Step[]; revision: number }> {
  const steps = [...first.steps]
  let page = first
  while (page.more) {
    page = await store.readChanges(runId, page.revision)
    steps.push(...page.steps)
  }
  return { steps, revision: page.revision }
}

/** Decodes every payload before replay delivers the first (A34). */
export async function toReplaySteps(steps: readonly Step[], payloads: Payloads): Promise<ReplayStep[]> {
  const outcomes = steps.map((step) => outcomeOf(step, payloads))
  const ready = outcomes.some((outcome) => outcome instanceof Promise)
    ? await Promise.all(outcomes)
    : (outcomes as Outcome[])
  return steps.map((step, index) => ({ ...step, outcome: ready[index] ?? null }))
}

/** Own inline records, which the store answers with their place in the order alone: the body gets what was recorded, decoded. */
export async function toSettledRecords(
  settlements: readonly Settlement[],
  record: readonly InlineRecord[],
  payloads: Payloads,
): Promise<ReplayStep[]> {
  const steps: ReplayStep[] = []
  for (const { id, settledSeq, settledAt } of settlements) {
    const own = record.find((candidate) => candidate.id.name === id.name && candidate.id.ordinal === id.ordinal)
    if (!own || own.outcome.kind === 'retry') continue
    const ok = own.outcome.kind === 'succeeded'
    const value = payloads.decodeNow(
      own.outcome.kind === 'succeeded' ? own.outcome.output : own.outcome.error,
      () => `the ${ok ? 'result' : 'error'} of step ${describeStep(id)}`,
    )
    steps.push({
      ...blankInline,
      id,
      status: ok ? 'succeeded' : 'failed',
      attempt: own.attempt,
      askedAfter: own.askedAfter,
      settledSeq,
      settledAt,
      outcome: toOutcome(ok, value instanceof Promise ? await value : value),
    })
  }
  return steps
}

const blankInline = { kind: 'inline', rpcName: null, inputDigest: null, lost: 0 } as const

function outcomeOf(step: Step, payloads: Payloads): Outcome | null | Promise<Outcome> {
  if (step.status === 'succeeded') {
    if (step.kind === 'sleep' || step.output === null) return { ok: true, value: undefined }
    return then(
      payloads.decodeNow(step.output, () => `the result of step ${describeStep(step.id)}`),
      true,
    )
  }
  if (step.status !== 'failed') return null
  if (step.error !== null)
    return then(
      payloads.decodeNow(step.error, () => `the error of step ${describeStep(step.id)}`),
      false,
    )
  return { ok: false, error: new WorkflowError('RUN_CANCELLED', step.reason ?? 'the child run was cancelled') }
}

function then(value: unknown, ok: boolean): Outcome | Promise<Outcome> {
  return value instanceof Promise ? value.then((settled: unknown) => toOutcome(ok, settled)) : toOutcome(ok, value)
}

function toOutcome(ok: boolean, value: unknown): Outcome {
  // Somebody may have written another value over it: user code is handed an Error all the same.
  return ok ? { ok, value } : { ok, error: asError(value) }
}
