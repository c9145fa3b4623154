import type { Sweep, Swept, WorkItem } from '../contract/index.ts'
import { isEnded, isSettled } from '../domain/run-state.ts'
import { isForWorker, isOrphan } from './memory-rules.ts'
import { takeOverAt } from './memory-run-writes.ts'
import { runItem, stepItem } from './memory-tables.ts'
import type { MemoryTables, OwnerRow, Ringing, RunRow, StepRow } from './memory-tables.ts'

/** Each kind has its own limit, so that dead leases never queue behind timers. */
type Kind = 'run' | 'dead-run' | 'orphan' | 'step' | 'dead-step'

interface Candidate {
  readonly kind: Kind
  readonly row: Ringing
  readonly at: number
  readonly item: () => WorkItem
}

export function sweep(tables: MemoryTables, ask: Sweep): Swept {
  const graces = endLeasesOfTheDead(tables, ask.graceMs)
  const now = tables.now()
  const taken = new Map<Kind, number>()
  const items: WorkItem[] = []
  let full = false
  for (const candidate of candidates(tables, ask)) {
    if (candidate.at > now) break
    const count = taken.get(candidate.kind) ?? 0
    if (count >= ask.limit) {
      full = true
      continue
    }
    taken.set(candidate.kind, count + 1)
    stamp(tables, candidate.row)
    items.push(candidate.item())
  }
  const next = Math.min(...candidates(tables, ask).map(({ at }) => at), ...graces)
  return { items, full, nextDueInMs: next === Infinity ? null : Math.max(0, next - now) }
}

function stamp(tables: MemoryTables, row: Ringing): void {
  row.rings = row.rungAt === null ? 0 : row.rings + 1
  row.rungAt = tables.now()
}

/** Everything a sweep ought to ring some time, soonest first. */
function candidates(tables: MemoryTables, ask: Sweep): Candidate[] {
  const found: Candidate[] = []
  for (const run of tables.runs.values()) {
    if (isEnded(run.status)) continue
    const at = runRingTime(tables, run, ask)
    if (at !== null) found.push({ kind: kindOf(tables, run), row: run, at, item: () => runItem(tables, run) })
    if (run.suspendedByEngine) continue
    for (const step of run.steps.values()) {
      const due = stepRingTime(step, ask)
      const kind = step.status === 'running' ? 'dead-step' : 'step'
      if (due !== null) found.push({ kind, row: step, at: due, item: () => stepItem(run, step) })
    }
  }
  return found.sort((a, b) => a.at - b.at)
}

function kindOf(tables: MemoryTables, run: RunRow): Kind {
  if (isOrphan(tables, run)) return 'orphan'
  return run.leaseUntil === null ? 'run' : 'dead-run'
}

function runRingTime(tables: MemoryTables, run: RunRow, ask: Sweep): number | null {
  const again = againAt(run, ask)
  if (isOrphan(tables, run)) return again ?? 0
  if (!isForWorker(run, ask.known)) return null
  if (run.leaseUntil !== null) return Math.max(takeOverAt(run), again ?? 0)
  return again ?? run.dueAt
}

function stepRingTime(step: StepRow, ask: Sweep): number | null {
  if (step.kind !== 'rpc' || isSettled(step.status)) return null
  const again = againAt(step, ask)
  if (step.leaseUntil !== null) return Math.max(step.leaseUntil, again ?? 0)
  return again ?? step.dueAt
}

/** When what was rung and has not been claimed is rung once more: the window doubles each time. */
function againAt(row: Ringing, ask: Sweep): number | null {
  return row.rungAt === null ? null : row.rungAt + ask.redispatchAfterMs * 2 ** Math.min(row.rings, 20)
}

/** Owners seen gone twice, `graceMs` apart, lose their leases. Answers when the others' grace is over. */
function endLeasesOfTheDead(tables: MemoryTables, graceMs: number): number[] {
  const graces: number[] = []
  for (const [name, owner] of tables.owners) {
    if (owner.connected) continue
    const until = graceOf(tables, owner) + graceMs
    if (until <= tables.now()) endLeasesOf(tables, name)
    else graces.push(until)
  }
  return graces
}

function graceOf(tables: MemoryTables, owner: OwnerRow): number {
  owner.goneSince ??= tables.now()
  return owner.goneSince
}

function endLeasesOf(tables: MemoryTables, owner: string): void {
  const now = tables.now()
  for (const run of tables.runs.values()) {
    for (const row of [run, ...run.steps.values()]) {
      if (row.owner === owner && row.leaseUntil !== null) row.leaseUntil = Math.min(row.leaseUntil, now)
    }
  }
}
