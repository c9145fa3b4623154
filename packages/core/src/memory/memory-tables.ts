import type {
  Committed,
  Lease,
  NoticeListener,
  ParentStep,
  Payload,
  RetryPolicy,
  RunId,
  RunStatus,
  Settled,
  StepId,
  StepKind,
  StepOutcome,
  StepStatus,
  WorkItem,
} from '../contract/index.ts'

/** When a sweep ought to ring something: see `ringTime` in memory-sweep.ts. */
export interface Ringing {
  /** When it was rung last and nobody has claimed it since; null: nobody is expected. */
  rungAt: number | null
  /** How often a sweep had to ring again since then: each doubles the window. */
  rings: number
  /** Not before then (a timer); null: no timer. */
  dueAt: number | null
}

/** A lease as its row keeps it. `leaseUntil` null: nobody holds it. The epoch outlives every lease. */
export interface Leased {
  epoch: number
  owner: string | null
  claimId: string | null
  leaseUntil: number | null
}

export interface RunRow extends Ringing, Leased {
  readonly runId: RunId
  readonly place: number
  readonly workflow: string
  readonly input: Payload
  readonly inputDigest: string
  readonly tags: readonly string[]
  readonly parent: ParentStep | null
  readonly createdAt: number
  status: RunStatus
  output: Payload | null
  error: Payload | null
  reason: string | null
  crashes: number
  updatedAt: number
  endedAt: number | null
  revision: number
  wakeSeq: number
  /** The newest wakeSeq that a claim or commit has handed to a holder. */
  readWakeSeq: number
  /** The engine suspended it: nobody claims its steps, and the run only with code it is not blocked for. */
  suspendedByEngine: boolean
  blockedFor: Set<string>
  /** Over a loss limit: blocked whatever the code. */
  blockedForAll: boolean
  lastTurn: { readonly claimId: string; readonly number: number; readonly answer: Committed } | null
  readonly steps: Map<string, StepRow>
  readonly attempts: AttemptRow[]
  /** Every signal ever accepted, by id; consumed ones stay so that their id is known. */
  readonly signals: Map<string, SignalRow>
}

export interface StepRow extends Ringing, Leased {
  readonly id: StepId
  readonly place: number
  readonly kind: StepKind
  readonly rpcName: string | null
  readonly input: Payload | null
  readonly inputDigest: string | null
  policy: RetryPolicy | null
  readonly childId: RunId | null
  readonly askedAfter: number
  readonly createdAt: number
  status: StepStatus
  output: Payload | null
  error: Payload | null
  reason: string | null
  attempt: number
  lost: number
  settledSeq: number | null
  settledAt: number | null
  revision: number
  startedAt: number | null
  worker: string | null
  /** How often each attempt was dispatched: with the attempt's number a key that is never used twice. */
  readonly dispatches: Map<number, number>
  lastEnding: Ending | null
}

/** What ended the last lease of a step, so that the same call again answers the same. */
interface Ending {
  readonly claimId: string
  readonly outcome: StepOutcome | null
  readonly settled: Settled
}

interface AttemptRow {
  readonly step: StepRow
  readonly attempt: number
  readonly outcome: 'failed' | 'lost'
  readonly error: Payload | null
  readonly worker: string | null
  readonly startedAt: number
  readonly endedAt: number
  readonly revision: number
}

export interface SignalRow {
  readonly signalId: string
  readonly name: string
  readonly payload: Payload
  readonly revision: number
  consumed: boolean
}

/** An owner that enlisted. `goneSince` is when a sweep first missed its connection. */
export interface OwnerRow {
  connected: boolean
  goneSince: number | null
}

/**
 * What several memory stores share, as several processes share one database.
 *
 * @example
 * const tables = new MemoryTables(clock)
 * const store = new MemoryStore(tables)
 * const sibling = new MemoryStore(tables)
 */
export class MemoryTables {
  /** Every run with its steps, attempts and signals, by id. */
  readonly runs = new Map<RunId, RunRow>()
  /** Every process that enlisted, by name. */
  readonly owners = new Map<string, OwnerRow>()
  /** Who hears of runs. */
  readonly listeners = new Set<NoticeListener>()
  /** Rows that a foreign transaction holds, until these resolve. */
  readonly locks = new Map<RunId, Promise<void>>()
  readonly #clock: { now(): number }
  #places = 0

  constructor(clock: { now(): number } = { now: () => Date.now() }) {
    this.#clock = clock
  }

  /** Milliseconds since the epoch. */
  now(): number {
    return this.#clock.now()
  }

  /** A number that grows with every row: the order of insertion. */
  nextPlace(): number {
    this.#places += 1
    return this.#places
  }

  /** For tests: hold the run's row as a foreign transaction would. Writes to it wait; renewals skip it. Answers the release. */
  lockRun(runId: RunId): () => void {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.locks.set(runId, promise)
    return () => {
      this.locks.delete(runId)
      resolve()
    }
  }

  /** For tests: the owner's connection is gone, as if its process had been killed. */
  disconnect(owner: string): void {
    const row = this.owners.get(owner)
    if (row) row.connected = false
  }

  /** For tests: the owner's connection is back. */
  reconnect(owner: string): void {
    this.owners.set(owner, { connected: true, goneSince: null })
  }
}

export function stepKey(id: StepId): string {
  return `${id.ordinal} ${id.name}`
}

/** Rings the run if it was not rung already; `held` sends it to the holder rather than to a queue. */
export function runItem(tables: MemoryTables, run: RunRow): WorkItem {
  const item = { kind: 'run', runId: run.runId, workflow: run.workflow } as const
  return isLeaseLive(tables, run) ? { ...item, held: true } : item
}

/** An item for the step's next attempt, under a key not used before. */
export function stepItem(run: RunRow, step: StepRow): WorkItem {
  const attempt = step.attempt + 1
  const dispatch = step.dispatches.get(attempt) ?? 0
  step.dispatches.set(attempt, dispatch + 1)
  return { kind: 'step', runId: run.runId, step: step.id, rpcName: step.rpcName ?? '', attempt, dispatch }
}

export function isLeaseLive(tables: MemoryTables, row: Leased): boolean {
  return row.leaseUntil !== null && tables.now() < row.leaseUntil
}

export function isHeldBy(row: Leased, lease: Pick<Lease, 'epoch' | 'claimId'>): boolean {
  // An id that was deleted and is used again counts its epochs from the start.
  return row.leaseUntil !== null && row.epoch === lease.epoch && row.claimId === lease.claimId
}

/** Give the row to nobody. The epoch and the claim stay, to recognise what comes late. */
export function dropLease(row: Leased): void {
  row.leaseUntil = null
}

export function ringNow(tables: MemoryTables, row: Ringing): void {
  row.rungAt = tables.now()
  row.rings = 0
}

export function silence(row: Ringing): void {
  row.rungAt = null
  row.rings = 0
  row.dueAt = null
}
