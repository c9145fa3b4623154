import { isDeepStrictEqual } from 'node:util'
import { WorkflowError } from '../../contract/index.ts'
import type { Committed, Lease, RunClaim, Settled, StepClaim, Turn } from '../../contract/index.ts'
import type { MemoryTables } from '../../memory/index.ts'
import { stepKey } from '../../memory/memory-tables.ts'
import { LawBroken } from './table-laws.ts'

interface Call {
  readonly name: string
  readonly args: readonly unknown[]
}

type Answer = { readonly ok: true; readonly answer: unknown } | { readonly ok: false; readonly error: unknown }

/** ③ Whoever was told that a write was accepted held the newest claim. @throws LawBroken */
export function assertFenced(tables: MemoryTables, { name, args, answer }: Call & { answer: unknown }): void {
  if (name !== 'commitRun' && !(name === 'settleStep' && answer !== null)) return
  const lease = args[0] as Lease
  const run = tables.runs.get(lease.runId)
  const row = lease.step ? run?.steps.get(stepKey(lease.step)) : run
  if (!row || row.epoch === lease.epoch || isRepeat(row, lease, args[1])) return
  throw new LawBroken(
    '③ a superseded lease writes nothing',
    `${name} of ${lease.runId} under epoch ${lease.epoch} was accepted at epoch ${row.epoch}`,
  )
}

/** It was applied before the lease went to another. */
function isRepeat(row: object, lease: Lease, what: unknown): boolean {
  if ('lastTurn' in row) {
    const last = row.lastTurn as { claimId: string; number: number } | null
    return last?.claimId === lease.claimId && last.number === (what as Turn).number
  }
  return 'lastEnding' in row && (row.lastEnding as { claimId: string } | null)?.claimId === lease.claimId
}

/** Rule 2, A13: the same call again answers as before. @throws LawBroken */
export function assertAnswersAlike(
  tables: MemoryTables,
  { name, args }: Call,
  [first, second]: [Answer, Answer],
): void {
  const fail = (how: string): never => {
    throw new LawBroken('A13: the same call again answers the same', `${name} made twice: ${how}`)
  }
  if (!first.ok) return
  // Its store was away at the second attempt, or another had taken the run by then.
  if (!second.ok) {
    if (name === 'commitRun' && WorkflowError.is(second.error, 'LEASE_LOST') && !isSuperseded(tables, args[0] as Lease))
      fail('it was applied and then refused')
    return
  }
  const [one, two] = [first.answer, second.answer]
  switch (name) {
    case 'claimRun':
    case 'claimStep': {
      const [a, b] = [one as RunClaim | StepClaim | { ended: 'parent' } | null, two as RunClaim | StepClaim | null]
      if (a === null || 'ended' in a) return
      if (b === null && !isSuperseded(tables, a.lease)) fail('a lease, then none')
      // A later epoch is right when another had it in between.
      if (b && 'lease' in b && b.lease.epoch === a.lease.epoch + 1) fail('two leases')
      return
    }
    case 'commitRun':
      if (!isDeepStrictEqual(one as Committed, two)) fail('two answers')
      return
    case 'settleStep':
      if (one === null || isDeepStrictEqual(one as Settled, two)) return
      if (two !== null || !isTaken(tables, args[0] as Lease)) fail('two answers')
      return
    default:
  }
}

/** Another has had it since. */
function isTaken(tables: MemoryTables, lease: Lease): boolean {
  const run = tables.runs.get(lease.runId)
  const row = lease.step ? run?.steps.get(stepKey(lease.step)) : run
  return row?.epoch !== lease.epoch
}

/** Nobody holds this lease any more: it was given back, ran out and was taken, or its run ended. */
function isSuperseded(tables: MemoryTables, lease: Lease): boolean {
  const run = tables.runs.get(lease.runId)
  const row = lease.step ? run?.steps.get(stepKey(lease.step)) : run
  return !row || row.epoch !== lease.epoch || row.leaseUntil === null || run?.endedAt !== null || run.suspendedByEngine
}
