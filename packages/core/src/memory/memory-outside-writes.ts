import type { Lease, NewSignal, Renewed, RunId, WorkItem } from '../contract/index.ts'
import { isEnded, isSettled } from '../domain/run-state.ts'
import { endRun, findStep, moveRun, ringRun, settle, touchStep, wakeRun } from './memory-rules.ts'
import { isHeldBy } from './memory-tables.ts'
import type { Leased, MemoryTables, RunRow, StepRow } from './memory-tables.ts'

export function renewLeases(tables: MemoryTables, leases: readonly Lease[], leaseMs: number): Renewed {
  const lost: Lease[] = []
  const busy: Lease[] = []
  const woken: RunId[] = []
  for (const lease of leases) {
    const run = tables.runs.get(lease.runId)
    const row = run && leasedRow(tables, run, lease)
    if (run && tables.locks.has(run.runId)) busy.push(lease)
    else if (!run || !row || isEnded(run.status) || !isHeldBy(row, lease)) lost.push(lease)
    else {
      row.leaseUntil = Math.max(row.leaseUntil ?? 0, tables.now() + leaseMs)
      if (!lease.step && run.wakeSeq > run.readWakeSeq) woken.push(run.runId)
    }
  }
  return { lost, busy, woken }
}

function leasedRow(tables: MemoryTables, run: RunRow, lease: Lease): Leased | undefined {
  return lease.step ? findStep(tables, run.runId, lease.step)?.step : run
}

export function signalRun(tables: MemoryTables, signal: NewSignal): { accepted: boolean; wake: WorkItem[] } {
  const run = tables.runs.get(signal.runId)
  if (!run || isEnded(run.status)) return { accepted: false, wake: [] }
  if (signal.kind === 'resume') return { accepted: true, wake: resume(tables, run) }
  if (run.signals.has(signal.signalId)) return { accepted: false, wake: [] }
  const step = openSuspendOf(run, signal.name)
  if (step) settle(tables, { run, step }, { output: signal.payload })
  else run.revision += 1
  const { signalId, name, payload } = signal
  run.signals.set(signalId, { signalId, name, payload, revision: run.revision, consumed: step !== undefined })
  if (run.status === 'suspended' && !run.suspendedByEngine) letRun(tables, run)
  run.updatedAt = tables.now()
  return { accepted: true, wake: wakeRun(tables, run) }
}

function openSuspendOf(run: RunRow, name: string): StepRow | undefined {
  for (const step of run.steps.values()) {
    if (step.kind === 'suspend' && step.status === 'scheduled' && step.id.name === name) return step
  }
  return undefined
}

function letRun(tables: MemoryTables, run: RunRow): void {
  moveRun(tables, run, 'running')
  run.reason = null
  run.suspendedByEngine = false
}

/** The counters start again, for the run and for every step that is still open. Rings in any case: nobody expects this run. */
function resume(tables: MemoryTables, run: RunRow): WorkItem[] {
  run.blockedFor.clear()
  run.blockedForAll = false
  run.crashes = 0
  for (const step of run.steps.values()) {
    if (isSettled(step.status) || step.lost === 0) continue
    // What was lost goes on costing no retries.
    if (step.policy) step.policy = { ...step.policy, retries: step.policy.retries + step.lost }
    step.lost = 0
    touchStep(tables, run, step)
  }
  if (run.suspendedByEngine) letRun(tables, run)
  run.wakeSeq += 1
  return [ringRun(tables, run)]
}

export function cancelRun(
  tables: MemoryTables,
  runId: RunId,
  reason: string,
): { cancelled: boolean; wake: WorkItem[] } {
  const run = tables.runs.get(runId)
  if (!run || isEnded(run.status)) return { cancelled: false, wake: [] }
  return { cancelled: true, wake: endRun(tables, run, { status: 'cancelled', reason }) }
}
