import type { InlineRecord, NextMove, StepPlan, WorkItem } from '@pikku/core/contract'
import type { Database, RunRow, StepRow } from './database.ts'
import {
  endRun,
  findStep,
  insertRun,
  insertStep,
  nextRevision,
  rest,
  ring,
  ringRun,
  runItem,
  settle,
  stepItem,
} from './rules.ts'
import type { AskedStep } from './rules.ts'

export function settleDueSleeps(db: Database, run: RunRow): number {
  const due = db.all<StepRow>(
    `select * from steps where runId = :runId and kind = 'sleep' and settledSeq is null and dueAt <= :now
     order by dueAt, place`,
    { runId: run.runId, now: db.now },
  )
  for (const step of due) settle(db, { run, step }, { output: '' })
  return due.length
}

/** Put an attempt that ended here into its step's row, which the first one makes. Undefined: it was settled before. */
export function recordInline(db: Database, run: RunRow, record: InlineRecord): StepRow | undefined {
  const { id, askedAfter, attempt, outcome } = record
  const known = findStep(db, run.runId, id)
  if (known && (known.kind !== 'inline' || known.settledSeq !== null)) return undefined
  const step = known ?? insertStep(db, run, { ...id, kind: 'inline', askedAfter, revision: 0 })
  Object.assign(step, { attempt, owner: run.owner, startedAt: db.now - outcome.durationMs })
  if (outcome.kind === 'retry') {
    const { error, delayMs } = outcome
    Object.assign(step, { error, dueAt: db.now + delayMs, revision: nextRevision(run) })
    addAttempt(db, step, 'failed')
    db.save('steps', step)
  } else settle(db, { run, step }, outcome)
  return step
}

/** Keep an attempt that ended without settling its step; the one that settled it is in the step's row. */
export function addAttempt(db: Database, step: StepRow, outcome: 'failed' | 'lost'): void {
  const { runId, name, ordinal, attempt, owner: worker, startedAt, revision } = step
  const error = outcome === 'failed' ? step.error : null
  db.insert('attempts', { runId, name, ordinal, attempt, outcome, error, worker, startedAt, endedAt: db.now, revision })
}

/** Make the row of a step the body asked for, unless there is one. */
export function schedule(
  db: Database,
  run: RunRow,
  plan: StepPlan,
): { wake: readonly WorkItem[]; isSettled?: boolean } {
  const { id, kind, askedAfter } = plan
  if (findStep(db, run.runId, id)) return { wake: [] }
  const asked = { ...id, kind, askedAfter }
  switch (plan.kind) {
    case 'rpc': {
      const { rpcName, input, inputDigest, policy } = plan
      const step = insertStep(db, run, { ...asked, rpcName, input, inputDigest, policy: JSON.stringify(policy) })
      ring(db, step)
      const items = [stepItem(step)]
      db.save('steps', step)
      return { wake: items }
    }
    case 'sleep':
      insertStep(db, run, { ...asked, dueAt: db.now + plan.delayMs })
      return { wake: [] }
    case 'suspend':
      return { wake: [], isSettled: consumeSignal(db, run, asked) }
    case 'child': {
      const { runId: childId, workflow: rpcName, inputDigest } = plan.child
      insertStep(db, run, { ...asked, childId, rpcName, inputDigest })
      const { run: child } = insertRun(db, plan.child)
      return { wake: child.endedAt === null ? [runItem(db, child)] : [] }
    }
  }
}

/** A suspend step takes the oldest signal of its name that waits for it, in the same write. */
function consumeSignal(db: Database, run: RunRow, asked: AskedStep): boolean {
  const { runId } = run
  const signal = db.get<{ revision: number; payload: string }>(
    'select * from signals where runId = :runId and name = :name and not consumed order by revision limit 1',
    { runId, name: asked.name },
  )
  const step = insertStep(db, run, { ...asked, ...(signal ? { revision: 0 } : {}) })
  if (!signal) return false
  db.run('update signals set consumed = 1 where runId = :runId and revision = :revision', {
    runId,
    revision: signal.revision,
  })
  settle(db, { run, step }, { output: signal.payload })
  return true
}

/** Give the lease back in the way that was asked for. */
export function leave(db: Database, run: RunRow, next: Exclude<NextMove, { kind: 'hold' }>): readonly WorkItem[] {
  if (next.kind === 'complete') return endRun(db, run, { ...next, status: 'completed' })
  if (next.kind === 'fail') return endRun(db, run, { ...next, status: 'failed' })
  if (next.kind === 'cancel') return endRun(db, run, { ...next, status: 'cancelled' })
  run.leaseUntil = null
  if (next.kind === 'yield') {
    rest(run, db.now + next.delayMs)
    return next.delayMs > 0 ? [] : [ringRun(db, run)]
  }
  rest(run, nextTimer(db, run))
  if (next.kind === 'park') return []
  Object.assign(run, { status: 'suspended', reason: next.reason })
  if (next.codeHash === undefined) return []
  const blockedFor = JSON.stringify([...JSON.parse(run.blockedFor), next.codeHash])
  Object.assign(run, { halted: 'code', blockedFor, wantAt: db.now }) // Wanted: whoever has other code.
  return []
}

/** The first time that only a turn of the run can serve: a sleep's end or an inline step's retry. */
function nextTimer(db: Database, { runId }: RunRow): number | null {
  const timers = `select min(dueAt) as at from steps where runId = :runId and settledSeq is null and kind <> 'rpc'`
  return db.get<{ at: number | null }>(timers, { runId })?.at ?? null
}
