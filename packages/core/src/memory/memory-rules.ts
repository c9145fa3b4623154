import type {
  EndedStatus,
  KnownWorkflow,
  NewRun,
  Payload,
  RunId,
  RunStatus,
  StepId,
  WorkItem,
} from '../contract/index.ts'
import { isEnded, isSettled, mayRunMove, mayStepMove } from '../domain/run-state.ts'
import { dropLease, isLeaseLive, ringNow, runItem, silence, stepKey } from './memory-tables.ts'
import type { MemoryTables, RunRow, StepRow } from './memory-tables.ts'

/** The row of a new run, rung; or the one that has the id already. */
export function insertRun(tables: MemoryTables, run: NewRun): { row: RunRow; created: boolean } {
  const known = tables.runs.get(run.runId)
  if (known) return { row: known, created: false }
  const now = tables.now()
  const row: RunRow = {
    runId: run.runId,
    place: tables.nextPlace(),
    workflow: run.workflow,
    input: run.input,
    inputDigest: run.inputDigest,
    tags: [...run.tags],
    parent: run.parent ?? null,
    createdAt: now,
    status: 'running',
    output: null,
    error: null,
    reason: null,
    crashes: 0,
    updatedAt: now,
    endedAt: null,
    revision: 0,
    wakeSeq: 1,
    readWakeSeq: 0,
    suspendedByEngine: false,
    blockedFor: new Set(),
    blockedForAll: false,
    lastTurn: null,
    steps: new Map(),
    attempts: [],
    signals: new Map(),
    epoch: 0,
    owner: null,
    claimId: null,
    leaseUntil: null,
    rungAt: now,
    rings: 0,
    dueAt: null,
  }
  tables.runs.set(row.runId, row)
  return { row, created: true }
}

export function moveRun(tables: MemoryTables, run: RunRow, to: RunStatus): void {
  if (!mayRunMove(run.status, to)) throw new Error(`run ${run.runId}: ${run.status} → ${to} is not a legal move`)
  run.status = to
  run.updatedAt = tables.now()
}

/** Every change of a step row has a revision of its own. */
export function touchStep(tables: MemoryTables, run: RunRow, step: StepRow): void {
  run.revision += 1
  run.updatedAt = tables.now()
  step.revision = run.revision
}

export function moveStep(step: StepRow, to: StepRow['status']): void {
  if (!mayStepMove(step.kind, step.status, to)) {
    throw new Error(`step ${step.id.name}: ${step.status} → ${to} is not a legal move for ${step.kind}`)
  }
  step.status = to
}

/** How a step ends: with an output, or with an error, or with nothing but a reason. */
export interface Ended {
  readonly output?: Payload
  readonly error?: Payload
  readonly reason?: string
}

/** Give the step its place in the order. */
export function settle(tables: MemoryTables, at: { run: RunRow; step: StepRow }, how: Ended): void {
  const { run, step } = at
  moveStep(step, how.output === undefined ? 'failed' : 'succeeded')
  touchStep(tables, run, step)
  step.output = how.output ?? null
  step.error = how.error ?? null
  step.reason = how.reason ?? null
  step.settledSeq = step.revision
  step.settledAt = tables.now()
  dropLease(step)
  silence(step)
}

/** Something happened to the run from outside. An item only if nobody was told before that there is something to read. */
export function wakeRun(tables: MemoryTables, run: RunRow): WorkItem[] {
  const told = run.wakeSeq > run.readWakeSeq || run.rungAt !== null
  run.wakeSeq += 1
  return told ? [] : [ringRun(tables, run)]
}

export function ringRun(tables: MemoryTables, run: RunRow): WorkItem {
  if (run.leaseUntil === null) ringNow(tables, run)
  return runItem(tables, run)
}

/** End the run, settle its parent's step in the same write, and ring whoever must know: parent and children. */
export function endRun(tables: MemoryTables, run: RunRow, end: Ended & { readonly status: EndedStatus }): WorkItem[] {
  moveRun(tables, run, end.status)
  run.output = end.output ?? null
  run.error = end.error ?? null
  run.reason = end.reason ?? null
  run.endedAt = tables.now()
  run.suspendedByEngine = false
  dropLease(run)
  silence(run)
  return [...settleParent(tables, run, end), ...ringOrphans(tables, run)]
}

function settleParent(tables: MemoryTables, child: RunRow, end: Ended): WorkItem[] {
  const parent = child.parent && tables.runs.get(child.parent.runId)
  if (!child.parent || !parent || isEnded(parent.status)) return []
  const step = parent.steps.get(stepKey(child.parent.step))
  if (!step || step.kind !== 'child' || step.childId !== child.runId || isSettled(step.status)) return []
  settle(tables, { run: parent, step }, end)
  return wakeRun(tables, parent)
}

function ringOrphans(tables: MemoryTables, parent: RunRow): WorkItem[] {
  const items: WorkItem[] = []
  for (const step of parent.steps.values()) {
    const child = step.childId === null ? undefined : tables.runs.get(step.childId)
    if (child && !isEnded(child.status) && isOrphan(tables, child)) items.push(ringRun(tables, child))
  }
  return items
}

/** A run whose parent has ended and that is not to outlive it. */
export function isOrphan(tables: MemoryTables, run: RunRow): boolean {
  if (run.parent?.onEnd !== 'cancel') return false
  const parent = tables.runs.get(run.parent.runId)
  return !parent || isEnded(parent.status)
}

/** Whether a worker with these workflows may take the run's next turn. */
export function isForWorker(run: RunRow, known: readonly KnownWorkflow[]): boolean {
  const workflow = known.find(({ name }) => name === run.workflow)
  return workflow !== undefined && !run.blockedForAll && !run.blockedFor.has(workflow.codeHash)
}

/** Over a loss limit: nobody goes on with this run before somebody resumes it. */
export function suspendOverLimit(tables: MemoryTables, run: RunRow, reason: string): void {
  moveRun(tables, run, 'suspended')
  run.reason = reason
  run.suspendedByEngine = true
  run.blockedForAll = true
  dropLease(run)
  silence(run)
}

/** Settle the due sleeps, earliest first. */
export function settleDueSleeps(tables: MemoryTables, run: RunRow): number {
  const now = tables.now()
  const due = [...run.steps.values()].filter(
    (step) => step.kind === 'sleep' && step.status === 'scheduled' && dueAtOf(step) <= now,
  )
  due.sort((a, b) => dueAtOf(a) - dueAtOf(b) || a.place - b.place)
  for (const step of due) settle(tables, { run, step }, { output: '' })
  return due.length
}

/** The earliest timer that only a turn of the run can serve: a sleep's or an inline retry's. */
export function nextTimerOf(run: RunRow): number | null {
  let next: number | null = null
  for (const step of run.steps.values()) {
    if (step.kind === 'rpc' || step.status !== 'scheduled' || step.dueAt === null) continue
    next = next === null ? step.dueAt : Math.min(next, step.dueAt)
  }
  return next
}

function dueAtOf(step: StepRow): number {
  return step.dueAt ?? Infinity
}

export function findStep(tables: MemoryTables, runId: RunId, id: StepId): { run: RunRow; step: StepRow } | null {
  const run = tables.runs.get(runId)
  const step = run?.steps.get(stepKey(id))
  return run && step ? { run, step } : null
}

export function isClaimed(tables: MemoryTables, step: StepRow): boolean {
  return step.status === 'running' && isLeaseLive(tables, step)
}
