import type {
  ClaimRun,
  ClaimStep,
  KnownWorkflow,
  Lease,
  NewRun,
  StepKind,
  StepOutcome,
  StepPlan,
  StepStatus,
  Turn,
} from '@pikku/core/contract'
import { stepKey } from './rows.ts'

/** Runs as `createRun` and children in `commitRun` are sent. */
export function runCall(run: NewRun): Record<string, unknown> {
  const { runId, workflow, input, inputDigest, tags, parent } = run
  const family = parent && {
    parentRunId: parent.runId,
    parentStep: parent.step.name,
    parentOrdinal: parent.step.ordinal,
    parentOnEnd: parent.onEnd,
  }
  return { runId, workflow, input, inputDigest, tags, ...family }
}

/** The lists of names that calls carry, each sent once. */
class Knowns {
  readonly #places = new Map<string, number>()

  /** The place of a list in `list`. */
  placeOf(known: Readonly<Record<string, unknown>>): number {
    const text = JSON.stringify(known)
    const place = this.#places.get(text) ?? this.#places.size
    this.#places.set(text, place)
    return place
  }

  /** As JSON text. */
  toString(): string {
    return `[${[...this.#places.keys()].join(',')}]`
  }
}

function codesOf(known: readonly KnownWorkflow[]): Record<string, string> {
  return Object.fromEntries(known.map(({ name, codeHash }) => [name, codeHash]))
}

export function claimRunCalls(asks: readonly ClaimRun[]): { calls: string; knowns: string } {
  const knowns = new Knowns()
  const calls = asks.map(({ runId, owner, claimId, leaseMs, known, after, limit }, i) => {
    const who = { i, runId, owner, claimId, leaseMs, after, known: knowns.placeOf(codesOf(known)) }
    return { ...who, maxCrashes: limit.max, crashReason: limit.reason }
  })
  return { calls: JSON.stringify(calls), knowns: knowns.toString() }
}

export function claimStepCalls(asks: readonly ClaimStep[]): { calls: string; knowns: string } {
  const knowns = new Knowns()
  const calls = asks.map(({ runId, step, owner, claimId, leaseMs, known, limit }, i) => {
    const place = knowns.placeOf(Object.fromEntries(known.map((name) => [name, 1])))
    const who = { i, runId, name: step.name, ordinal: step.ordinal, owner, claimId, leaseMs, known: place }
    return { ...who, maxLost: limit.max, lostReason: limit.reason }
  })
  return { calls: JSON.stringify(calls), knowns: knowns.toString() }
}

export interface Settle {
  readonly lease: Lease
  readonly outcome: StepOutcome
}

export function settleCalls(settles: readonly Settle[]): string {
  return JSON.stringify(
    settles.map(({ lease, outcome }, i) => {
      const { runId, step, claimId, epoch } = lease
      return { i, runId, name: step?.name, ordinal: step?.ordinal, claimId, epoch, ...outcome }
    }),
  )
}

export interface Commit {
  readonly lease: Lease
  readonly turn: Turn
}

export function commitCalls(commits: readonly Commit[]): { calls: string; plans: string } {
  const plans: unknown[] = []
  const calls = commits.map(({ lease, turn }, i) => {
    const rows = rowsOf(turn)
    const written = new Map<string, PlanRow>()
    for (const row of rows) {
      const key = stepKey(row)
      const before = written.get(key)
      // One row each: a retry gives way to the attempt after it, else the first stays.
      if (!before || (before.kind === 'inline' && before.status === 'scheduled')) written.set(key, row)
    }
    rows.forEach((row, at) => {
      plans.push({ i, k: at + 1, written: written.get(stepKey(row)) === row, ...row })
    })
    const { kind: move, ...next } = turn.next
    const { runId, claimId, epoch } = lease
    return { i, runId, claimId, epoch, turn: turn.number, after: turn.after, move, ...next, ...countsOf(turn) }
  })
  return { calls: JSON.stringify(calls), plans: JSON.stringify(plans) }
}

/** A turn that only records inline steps that settled, each of them once, and keeps its lease. */
export function isPlain({ turn }: Commit): boolean {
  const { next, schedule, record } = turn
  if (next.kind !== 'hold' || schedule.length > 0 || record.some(({ outcome }) => outcome.kind === 'retry'))
    return false
  return record.length < 2 || new Set(record.map(({ id }) => stepKey(id))).size === record.length
}

/** Lets the statement leave out what a turn has none of. */
function countsOf({ record, schedule }: Turn): Record<string, number> {
  const suspends = schedule.filter((plan) => plan.kind === 'suspend').length
  const children = schedule.filter((plan) => plan.kind === 'child').length
  return { plans: record.length + schedule.length, schedules: schedule.length, suspends, children }
}

interface PlanRow {
  readonly kind: StepKind
  readonly name: string
  readonly ordinal: number
  readonly status: StepStatus
  readonly [column: string]: unknown
}

/** What a turn writes, in the order of the places it takes: records, then plans. */
function rowsOf(turn: Turn): PlanRow[] {
  const records = turn.record.map(({ id, askedAfter, attempt, outcome }) => {
    const { kind, ...how } = outcome
    const status = kind === 'retry' ? 'scheduled' : kind
    return { kind: 'inline' as const, name: id.name, ordinal: id.ordinal, askedAfter, attempt, status, ...how } as const
  })
  return [...records, ...turn.schedule.map(planRow)]
}

function planRow(plan: StepPlan): PlanRow {
  const { id, askedAfter, kind } = plan
  const asked = { kind, name: id.name, ordinal: id.ordinal, askedAfter, attempt: 0, status: 'scheduled' } as const
  switch (plan.kind) {
    case 'rpc': {
      const { rpcName, input, inputDigest, policy } = plan
      return { ...asked, rpcName, input, inputDigest, retries: policy.retries, retryDelayMs: policy.retryDelayMs }
    }
    case 'sleep':
      return { ...asked, delayMs: plan.delayMs }
    case 'suspend':
      return asked
    case 'child': {
      const { workflow, inputDigest } = plan.child
      return { ...asked, rpcName: workflow, inputDigest, child: runCall(plan.child) }
    }
  }
}

/** The text a turn carries, in UTF-16 units: near enough to bound a statement. */
export function turnSize({ turn }: Commit): number {
  let size = 300
  for (const { outcome } of turn.record) size += 200 + ('output' in outcome ? outcome.output : outcome.error).length
  for (const plan of turn.schedule) {
    size += 200 + (plan.kind === 'rpc' ? plan.input.length : plan.kind === 'child' ? plan.child.input.length : 0)
  }
  const { next } = turn
  return size + (next.kind === 'complete' ? next.output.length : next.kind === 'fail' ? next.error.length : 0)
}
