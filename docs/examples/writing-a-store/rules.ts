import type { EndedStatus, KnownWorkflow, NewRun, Run, Step, StepId, WorkItem } from '@pikku/core/contract'
import type { Database, Leased, RunRow, StepRow, Wanting } from './database.ts'

// #region records
export function toRun(row: RunRow): Run {
  const { runId, workflow, status, input, inputDigest, output, error, reason, crashes } = row
  const { createdAt, updatedAt, endedAt } = row
  const [tags, parent] = [JSON.parse(row.tags), row.parent === null ? null : JSON.parse(row.parent)]
  const shown = { runId, workflow, status, input, inputDigest, output, error, reason, tags, parent, crashes }
  return { ...shown, createdAt, updatedAt, endedAt }
}

export function toStep(row: StepRow, now: number): Step {
  const { name, ordinal, kind, status, rpcName, inputDigest, output, error, reason, attempt, lost } = row
  const { askedAfter, settledSeq, settledAt, dueAt, revision } = row
  const dueInMs = dueAt === null ? null : dueAt - now
  const what = { id: { name, ordinal }, kind, status, rpcName, inputDigest, attempt, lost, askedAfter, revision }
  return { ...what, output, error: status === 'running' ? null : error, reason, settledSeq, settledAt, dueInMs }
}
// #endregion

// #region rows
export function findRun(db: Database, runId: string): RunRow | undefined {
  return db.get<RunRow>('select * from runs where runId = :runId', { runId })
}

export function findStep(db: Database, runId: string, { name, ordinal }: StepId): StepRow | undefined {
  const key = { runId, name, ordinal }
  return db.get<StepRow>('select * from steps where runId = :runId and name = :name and ordinal = :ordinal', key)
}

/** The new run, rung; or the one that has the id already. */
export function insertRun(db: Database, given: NewRun): { run: RunRow; created: boolean } {
  const known = findRun(db, given.runId)
  if (known) return { run: known, created: false }
  const json = { tags: JSON.stringify(given.tags), parent: given.parent ? JSON.stringify(given.parent) : null }
  const { now } = db
  db.insert('runs', { ...given, ...json, createdAt: now, updatedAt: now, wantAt: now, rungAt: now })
  return { run: findRun(db, given.runId) as RunRow, created: true }
}

/** A step as it was asked for: everything else is nothing yet. */
export type AskedStep = Pick<StepRow, 'name' | 'ordinal' | 'kind' | 'askedAfter'> & Partial<StepRow>

export function insertStep(db: Database, run: RunRow, asked: AskedStep): StepRow {
  const revision = asked.revision ?? nextRevision(run)
  db.insert('steps', { ...asked, runId: run.runId, createdAt: db.now, revision })
  return findStep(db, run.runId, asked) as StepRow
}

export function saveRun(db: Database, run: RunRow): void {
  run.updatedAt = db.now
  db.save('runs', run)
}

/** Every change of a row has a number of its own. */
export function nextRevision(run: RunRow): number {
  run.revision += 1
  return run.revision
}
// #endregion

// #region ringing
/** Somebody ought to come now, and is told: the sweep rings again when nobody did. */
export function ring(db: Database, row: Wanting): void {
  Object.assign(row, { wantAt: db.now, rungAt: db.now, rings: 0 })
}

/** Nobody is wanted before `wantAt`; null: not at all. */
export function rest(row: Wanting, wantAt: number | null): void {
  Object.assign(row, { wantAt, rungAt: null, rings: 0 })
}

export function runItem(db: Database, run: RunRow): WorkItem {
  const item = { kind: 'run', runId: run.runId, workflow: run.workflow } as const
  return run.leaseUntil !== null && db.now < run.leaseUntil ? { ...item, held: true } : item
}

export function stepItem(step: StepRow): WorkItem {
  const { runId, name, ordinal, rpcName, attempt, dispatches: dispatch } = step
  step.dispatches += 1
  return { kind: 'step', runId, step: { name, ordinal }, rpcName: rpcName ?? '', attempt: attempt + 1, dispatch }
}

/** Something happened to the run from outside. Nobody is told who was told before and has not looked since. */
export function wake(db: Database, run: RunRow): WorkItem[] {
  const isTold = run.wakeSeq > run.readSeq || run.rungAt !== null
  run.wakeSeq += 1
  return isTold ? [] : [ringRun(db, run)]
}

export function ringRun(db: Database, run: RunRow): WorkItem {
  if (run.leaseUntil === null) ring(db, run)
  return runItem(db, run)
}
// #endregion

// #region ending
export interface Ending {
  readonly output?: string
  readonly error?: string
  readonly reason?: string
}

/** Give the step its outcome and its place in the order, which is its new revision. */
export function settle(db: Database, at: { run: RunRow; step: StepRow }, { output, error, reason }: Ending): void {
  const { run, step } = at
  const revision = nextRevision(run)
  const place = { revision, settledSeq: revision, settledAt: db.now, dueAt: null, leaseUntil: null }
  const result = { output: output ?? null, error: error ?? null, reason: reason ?? null }
  Object.assign(step, { status: output === undefined ? 'failed' : 'succeeded', ...result, ...place })
  rest(step, null)
  db.save('steps', step)
}

/** End the run and settle its parent's step in the same write. Rings the parent, and children that are to end with it. */
export function endRun(db: Database, run: RunRow, end: Ending & { readonly status: EndedStatus }): WorkItem[] {
  const result = { output: end.output ?? null, error: end.error ?? null, reason: end.reason ?? null }
  Object.assign(run, { status: end.status, ...result, endedAt: db.now, leaseUntil: null, halted: null })
  rest(run, null)
  saveRun(db, run)
  const children = db.all<RunRow>(
    `select * from runs where parent ->> 'runId' = :runId and parent ->> 'onEnd' = 'cancel' and endedAt is null`,
    { runId: run.runId },
  )
  return [...settleParent(db, run, end), ...children.map((child) => runItem(db, child))]
}

function settleParent(db: Database, child: RunRow, end: Ending): WorkItem[] {
  const { parent: link } = toRun(child)
  const parent = link && findRun(db, link.runId)
  const step = link && findStep(db, link.runId, link.step)
  if (!parent || !step || parent.endedAt !== null || step.childId !== child.runId || step.settledSeq !== null) return []
  settle(db, { run: parent, step }, end)
  const items = wake(db, parent)
  saveRun(db, parent)
  return items
}
// #endregion

// #region claiming
/** A child that is not to outlive its parent, which has ended or is no more. */
export function isOrphan(db: Database, run: RunRow): boolean {
  const { parent } = toRun(run)
  const up = parent?.onEnd === 'cancel' ? findRun(db, parent.runId) : null
  return up !== null && up?.endedAt !== null
}

export function isForWorker(run: RunRow, known: readonly KnownWorkflow[]): boolean {
  const workflow = known.find(({ name }) => name === run.workflow)
  const blockedFor = JSON.parse(run.blockedFor) as readonly string[]
  return workflow !== undefined && run.halted !== 'limit' && !blockedFor.includes(workflow.codeHash)
}

/** By epoch and claim, whatever the clock says: a lease that ran out writes as long as nobody else has taken it. */
export function isHeldBy(
  row: Leased,
  { epoch, claimId }: { readonly epoch: number; readonly claimId: string },
): boolean {
  return row.leaseUntil !== null && row.epoch === epoch && row.claimId === claimId
}

/** Too many crashes or losses: nobody goes on with this run until somebody resumes it. */
export function haltOverLimit(db: Database, run: RunRow, reason: string): void {
  Object.assign(run, { status: 'suspended', reason, halted: 'limit', leaseUntil: null })
  rest(run, null)
  saveRun(db, run)
}
// #endregion
