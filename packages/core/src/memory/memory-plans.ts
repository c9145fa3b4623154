import type { InlineRecord, Lease, Settlement, StepPlan, WorkItem } from '../contract/index.ts'
import { isEnded, isSettled } from '../domain/run-state.ts'
import { insertRun, settle, touchStep } from './memory-rules.ts'
import { ringNow, runItem, stepItem, stepKey } from './memory-tables.ts'
import type { MemoryTables, RunRow, StepRow } from './memory-tables.ts'

/** A turn on its way into the tables. */
export interface Applied {
  readonly run: RunRow
  readonly lease: Lease
  /** Steps that this commit itself settled and the body knows nothing of. */
  settledForBody: number
  /** Inline records of this commit; null while the attempt is to be retried. */
  readonly own: Map<StepRow, Settlement | null>
  readonly wake: WorkItem[]
}

type NewStep = Pick<StepRow, 'id' | 'kind' | 'askedAfter'> &
  Partial<Pick<StepRow, 'rpcName' | 'input' | 'inputDigest' | 'policy' | 'childId'>>

function insertStep(tables: MemoryTables, run: RunRow, step: NewStep): StepRow {
  const row: StepRow = {
    rpcName: null,
    input: null,
    inputDigest: null,
    policy: null,
    childId: null,
    ...step,
    place: tables.nextPlace(),
    createdAt: tables.now(),
    status: 'scheduled',
    output: null,
    error: null,
    reason: null,
    attempt: 0,
    lost: 0,
    settledSeq: null,
    settledAt: null,
    revision: 0,
    startedAt: null,
    worker: null,
    dispatches: new Map(),
    lastEnding: null,
    epoch: 0,
    owner: null,
    claimId: null,
    leaseUntil: null,
    rungAt: null,
    rings: 0,
    dueAt: null,
  }
  run.steps.set(stepKey(step.id), row)
  return row
}

/** Put an inline step's ended attempt into its row; a settled row is left as it is. */
export function recordInline(tables: MemoryTables, applied: Applied, record: InlineRecord): void {
  const { run, lease } = applied
  const { outcome, id, askedAfter, attempt } = record
  const step = run.steps.get(stepKey(id)) ?? insertStep(tables, run, { id, kind: 'inline', askedAfter })
  if (step.kind !== 'inline' || isSettled(step.status)) return
  step.attempt = attempt
  step.worker = lease.owner
  step.startedAt = tables.now() - outcome.durationMs
  if (outcome.kind === 'retry') {
    touchStep(tables, run, step)
    step.error = outcome.error
    step.dueAt = tables.now() + outcome.delayMs
    addAttempt(tables, { run, step }, 'failed')
    applied.own.set(step, null)
    return
  }
  settle(tables, { run, step }, outcome.kind === 'succeeded' ? { output: outcome.output } : { error: outcome.error })
  applied.own.set(step, { id: step.id, settledSeq: step.revision, settledAt: step.settledAt ?? tables.now() })
}

/** Keep an attempt that ended without settling its step. The row carries what it was; its revision is the place. */
export function addAttempt(tables: MemoryTables, at: { run: RunRow; step: StepRow }, outcome: 'failed' | 'lost'): void {
  const { run, step } = at
  run.attempts.push({
    step,
    attempt: step.attempt,
    outcome,
    error: outcome === 'failed' ? step.error : null,
    worker: step.worker,
    startedAt: step.startedAt ?? tables.now(),
    endedAt: tables.now(),
    revision: step.revision,
  })
}

/** Make the row of a step the body asked for. A step that has one already is left alone. */
export function schedulePlan(tables: MemoryTables, applied: Applied, plan: StepPlan): void {
  const { run } = applied
  if (run.steps.has(stepKey(plan.id))) return
  const { id, askedAfter } = plan
  switch (plan.kind) {
    case 'rpc': {
      const { kind, rpcName, input, inputDigest, policy } = plan
      const step = insertStep(tables, run, { id, kind, askedAfter, rpcName, input, inputDigest, policy })
      touchStep(tables, run, step)
      ringNow(tables, step)
      applied.wake.push(stepItem(run, step))
      return
    }
    case 'sleep': {
      const step = insertStep(tables, run, { id, kind: 'sleep', askedAfter })
      touchStep(tables, run, step)
      step.dueAt = tables.now() + plan.delayMs
      return
    }
    case 'suspend':
      return scheduleSuspend(tables, applied, plan)
    case 'child':
      return scheduleChild(tables, applied, plan)
  }
}

function scheduleSuspend(tables: MemoryTables, applied: Applied, { id, askedAfter }: StepPlan): void {
  const { run } = applied
  const step = insertStep(tables, run, { id, kind: 'suspend', askedAfter })
  const waiting = [...run.signals.values()].find((signal) => !signal.consumed && signal.name === id.name)
  if (!waiting) return touchStep(tables, run, step)
  waiting.consumed = true
  settle(tables, { run, step }, { output: waiting.payload })
  applied.settledForBody += 1
}

function scheduleChild(tables: MemoryTables, applied: Applied, plan: StepPlan & { kind: 'child' }): void {
  const { run } = applied
  const { id, kind, askedAfter, child } = plan
  const { inputDigest, runId: childId, workflow: rpcName } = child
  const step = insertStep(tables, run, { id, kind, askedAfter, rpcName, inputDigest, childId })
  touchStep(tables, run, step)
  const { row } = insertRun(tables, child)
  if (!isEnded(row.status)) applied.wake.push(runItem(tables, row))
}
