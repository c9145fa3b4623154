import type { ClaimStep, Lease, Settled, StepClaim, StepOutcome, WorkItem } from '../contract/index.ts'
import { isEnded, isSettled } from '../domain/run-state.ts'
import { addAttempt } from './memory-plans.ts'
import { findStep, isClaimed, moveStep, settle, suspendOverLimit, touchStep, wakeRun } from './memory-rules.ts'
import { dropLease, isHeldBy, ringNow, silence, stepItem } from './memory-tables.ts'
import type { MemoryTables, RunRow, StepRow } from './memory-tables.ts'

interface At {
  readonly run: RunRow
  readonly step: StepRow
}

export function claimStep(tables: MemoryTables, ask: ClaimStep): StepClaim | null {
  const at = findStep(tables, ask.runId, ask.step)
  if (!at) return null
  const { run, step } = at
  if (isEnded(run.status) || run.suspendedByEngine) return null
  if (step.kind !== 'rpc' || isSettled(step.status)) return null
  if (step.claimId === ask.claimId) return step.leaseUntil === null ? null : readClaim(at, ask)
  if (step.rpcName === null || !ask.known.includes(step.rpcName)) return null
  if (isClaimed(tables, step)) return null
  if (step.status === 'scheduled' && step.dueAt !== null && tables.now() < step.dueAt) return null
  if (step.status === 'running' && !takeOver(tables, at, ask)) return null
  moveStep(step, 'running')
  touchStep(tables, run, step)
  silence(step)
  step.attempt += 1
  step.epoch += 1
  step.owner = ask.owner
  step.worker = ask.owner
  step.claimId = ask.claimId
  step.startedAt = tables.now()
  step.leaseUntil = tables.now() + ask.leaseMs
  return readClaim(at, ask)
}

/** The worker let its lease run out: its attempt is lost. False: one too many. */
function takeOver(tables: MemoryTables, at: At, { limit }: ClaimStep): boolean {
  lose(tables, at)
  if (at.step.lost <= limit.max) return true
  suspendOverLimit(tables, at.run, limit.reason)
  return false
}

/** Back to waiting for a worker, with the attempt on record as lost. */
function lose(tables: MemoryTables, { run, step }: At): void {
  moveStep(step, 'scheduled')
  touchStep(tables, run, step)
  step.lost += 1
  addAttempt(tables, { run, step }, 'lost')
  dropLease(step)
  ringNow(tables, step)
}

function readClaim({ run, step }: At, ask: ClaimStep): StepClaim {
  const lease: Lease = { runId: run.runId, step: step.id, owner: ask.owner, claimId: ask.claimId, epoch: step.epoch }
  return {
    lease,
    workflow: run.workflow,
    rpcName: step.rpcName ?? '',
    input: step.input ?? '',
    policy: step.policy ?? { retries: 0, retryDelayMs: 0 },
    attempt: step.attempt,
    lost: step.lost,
  }
}

export function settleStep(tables: MemoryTables, lease: Lease, outcome: StepOutcome): Settled | null {
  const at = lease.step && findStep(tables, lease.runId, lease.step)
  if (!at) return null
  const { run, step } = at
  if (step.lastEnding?.claimId === lease.claimId) {
    return isSameOutcome(step.lastEnding.outcome, outcome) ? step.lastEnding.settled : null
  }
  if (isEnded(run.status) || step.status !== 'running' || !isHeldBy(step, lease)) return null
  const settled = outcome.kind === 'retry' ? tryAgain(tables, at, outcome) : finish(tables, at, outcome)
  step.lastEnding = { claimId: lease.claimId, outcome, settled }
  return settled
}

function finish(tables: MemoryTables, at: At, outcome: StepOutcome & { kind: 'succeeded' | 'failed' }): Settled {
  settle(tables, at, outcome.kind === 'succeeded' ? { output: outcome.output } : { error: outcome.error })
  return { settledSeq: at.step.settledSeq, wake: wakeRun(tables, at.run) }
}

function tryAgain(tables: MemoryTables, at: At, outcome: StepOutcome & { kind: 'retry' }): Settled {
  const { run, step } = at
  moveStep(step, 'scheduled')
  touchStep(tables, run, step)
  step.error = outcome.error
  addAttempt(tables, at, 'failed')
  return { settledSeq: null, wake: offerAgain(tables, at, outcome.delayMs) }
}

/** Nobody holds the step: ring for it now, or leave it to the sweep that comes after the delay. */
function offerAgain(tables: MemoryTables, { run, step }: At, delayMs: number): WorkItem[] {
  dropLease(step)
  silence(step)
  if (delayMs > 0) {
    step.dueAt = tables.now() + delayMs
    return []
  }
  ringNow(tables, step)
  return [stepItem(run, step)]
}

function isSameOutcome(one: StepOutcome | null, other: StepOutcome): boolean {
  if (one?.kind !== other.kind) return false
  return one.kind === 'succeeded' || other.kind === 'succeeded'
    ? 'output' in one && 'output' in other && one.output === other.output
    : one.error === other.error
}

export function releaseStep(
  tables: MemoryTables,
  lease: Lease,
  how: { readonly entered: boolean; readonly delayMs: number },
): { wake: readonly WorkItem[] } {
  const at = lease.step && findStep(tables, lease.runId, lease.step)
  if (!at) return { wake: [] }
  const { run, step } = at
  if (step.lastEnding?.claimId === lease.claimId)
    return { wake: step.lastEnding.outcome === null ? step.lastEnding.settled.wake : [] }
  if (isEnded(run.status) || step.status !== 'running' || !isHeldBy(step, lease)) return { wake: [] }
  if (how.entered) lose(tables, at)
  else giveBack(tables, at)
  const wake = offerAgain(tables, at, how.delayMs)
  step.lastEnding = { claimId: lease.claimId, outcome: null, settled: { settledSeq: null, wake } }
  return { wake }
}

/** The function was never entered: as if this attempt had not begun. */
function giveBack(tables: MemoryTables, { run, step }: At): void {
  moveStep(step, 'scheduled')
  touchStep(tables, run, step)
  step.attempt -= 1
}
