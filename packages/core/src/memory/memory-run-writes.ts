import { LeaseLostError } from '../contract/index.ts'
import type {
  ClaimRun,
  Committed,
  Held,
  Lease,
  LossLimit,
  NewRun,
  NextMove,
  Run,
  RunClaim,
  Turn,
  WorkItem,
} from '../contract/index.ts'
import { isEnded } from '../domain/run-state.ts'
import { changesOf, toRun } from './memory-changes.ts'
import { recordInline, schedulePlan } from './memory-plans.ts'
import type { Applied } from './memory-plans.ts'
import {
  endRun,
  insertRun,
  isForWorker,
  isOrphan,
  moveRun,
  nextTimerOf,
  ringRun,
  settleDueSleeps,
  suspendOverLimit,
} from './memory-rules.ts'
import { dropLease, isHeldBy, ringNow, runItem, silence } from './memory-tables.ts'
import type { MemoryTables, RunRow } from './memory-tables.ts'

export function createRun(tables: MemoryTables, run: NewRun): { run: Run; created: boolean; wake: WorkItem[] } {
  const { row, created } = insertRun(tables, run)
  return { run: toRun(row), created, wake: isEnded(row.status) ? [] : [runItem(tables, row)] }
}

export function claimRun(tables: MemoryTables, ask: ClaimRun): RunClaim | { ended: 'parent' } | null {
  const run = tables.runs.get(ask.runId)
  if (!run || isEnded(run.status)) return null
  // A claim that arrives twice: the same lease, or nothing when it was given back since.
  if (run.claimId === ask.claimId) return run.leaseUntil === null ? null : readClaim(tables, run, ask)
  if (isOrphan(tables, run)) return { ended: 'parent' }
  if (!isForWorker(run, ask.known)) return null
  if (run.leaseUntil !== null && !takeOver(tables, run, ask.limit)) return null
  run.epoch += 1
  run.owner = ask.owner
  run.claimId = ask.claimId
  run.leaseUntil = tables.now() + ask.leaseMs * 2 ** Math.min(run.crashes, 6)
  run.reason = null
  run.suspendedByEngine = false
  moveRun(tables, run, 'running')
  silence(run)
  return readClaim(tables, run, ask)
}

/** A lease that ran out is a crash. False: too early after the last one, or one too many. */
function takeOver(tables: MemoryTables, run: RunRow, limit: LossLimit): boolean {
  if (tables.now() < takeOverAt(run)) return false
  run.crashes += 1
  run.updatedAt = tables.now()
  if (run.crashes <= limit.max) return true
  suspendOverLimit(tables, run, limit.reason)
  return false
}

/** From when on another may claim a leased run: at once after the first crash, later after each further one. */
export function takeOverAt(run: RunRow): number {
  const delay = run.crashes === 0 ? 0 : Math.min(1000 * 2 ** (run.crashes - 1), 60_000)
  return (run.leaseUntil ?? 0) + delay
}

function readClaim(tables: MemoryTables, run: RunRow, ask: ClaimRun): RunClaim {
  settleDueSleeps(tables, run)
  run.readWakeSeq = run.wakeSeq
  const changes = changesOf(tables, run, { after: ask.after, lock: true })
  const lease: Lease = { runId: run.runId, owner: ask.owner, claimId: ask.claimId, epoch: run.epoch }
  return { lease, history: { ...changes, run: toRun(run), wakeSeq: run.wakeSeq } }
}

export function commitRun(tables: MemoryTables, lease: Lease, turn: Turn): Committed {
  const run = tables.runs.get(lease.runId)
  if (!run) throw new LeaseLostError(lease.runId)
  if (run.lastTurn?.claimId === lease.claimId && run.lastTurn.number === turn.number) return run.lastTurn.answer
  if (isEnded(run.status) || !isHeldBy(run, lease)) throw new LeaseLostError(lease.runId)
  if (run.lastTurn?.claimId === lease.claimId && run.lastTurn.number > turn.number) return overtaken(tables, run, turn)
  const applied: Applied = { run, lease, settledForBody: settleDueSleeps(tables, run), own: new Map(), wake: [] }
  for (const record of turn.record) recordInline(tables, applied, record)
  for (const plan of turn.schedule) schedulePlan(tables, applied, plan)
  if (turn.record.length + turn.schedule.length > 0) run.crashes = 0
  run.updatedAt = tables.now()
  const answer = leave(tables, applied, turn)
  run.lastTurn = { claimId: lease.claimId, number: turn.number, answer }
  return answer
}

/** It was applied, and made again because no answer came; this is the first one, late. Nobody waits for its answer. */
function overtaken(tables: MemoryTables, run: RunRow, turn: Turn): Held {
  const changes = changesOf(tables, run, { after: turn.after, lock: true })
  return { released: false, ...changes, wakeSeq: run.wakeSeq, recorded: [], wake: [] }
}

function leave(tables: MemoryTables, applied: Applied, turn: Turn): Committed {
  const { run } = applied
  const { next } = turn
  switch (next.kind) {
    case 'hold':
      return keep(tables, applied, turn)
    case 'park':
      if (hasNews(applied, next.wakeSeq)) return keep(tables, applied, turn)
      letGo(run, nextTimerOf(run))
      return { released: true, wake: applied.wake }
    case 'yield':
      letGo(run, next.delayMs > 0 ? tables.now() + next.delayMs : null)
      if (next.delayMs <= 0) applied.wake.push(ringRun(tables, run))
      return { released: true, wake: applied.wake }
    case 'suspend':
      if (next.codeHash === undefined && hasNews(applied, next.wakeSeq)) return keep(tables, applied, turn)
      suspend(tables, run, next)
      return { released: true, wake: applied.wake }
    default:
      return { released: true, wake: end(tables, applied, next) }
  }
}

/** What the body has not been told yet forbids to leave: it would never be told. */
function hasNews({ run, settledForBody }: Applied, wakeSeq: number): boolean {
  return run.wakeSeq !== wakeSeq || settledForBody > 0
}

function keep(tables: MemoryTables, { run, own, wake }: Applied, turn: Turn): Held {
  run.readWakeSeq = run.wakeSeq
  const changes = changesOf(tables, run, { after: turn.after, lock: true, except: new Set(own.keys()) })
  const recorded = [...own.values()].filter((settlement) => settlement !== null)
  return { released: false, ...changes, wakeSeq: run.wakeSeq, recorded, wake }
}

function letGo(run: RunRow, dueAt: number | null): void {
  dropLease(run)
  silence(run)
  run.dueAt = dueAt
}

function suspend(tables: MemoryTables, run: RunRow, next: NextMove & { kind: 'suspend' }): void {
  letGo(run, nextTimerOf(run))
  moveRun(tables, run, 'suspended')
  run.reason = next.reason
  if (next.codeHash === undefined) return
  run.suspendedByEngine = true
  run.blockedFor.add(next.codeHash)
  // For a worker with other code this run is woken: its sweep finds it.
  ringNow(tables, run)
}

function end(
  tables: MemoryTables,
  applied: Applied,
  next: NextMove & { kind: 'complete' | 'fail' | 'cancel' },
): WorkItem[] {
  const { run } = applied
  switch (next.kind) {
    case 'complete':
      return endRun(tables, run, { status: 'completed', output: next.output })
    case 'fail':
      return endRun(tables, run, { status: 'failed', error: next.error })
    case 'cancel':
      return endRun(tables, run, { status: 'cancelled', reason: next.reason })
  }
}
