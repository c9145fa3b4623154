import type { MemoryTables, RunRow, StepRow } from '../../memory/memory-tables.ts'
import { isEnded, isSettled, mayRunMove } from '../../domain/run-state.ts'

/** A law of the architecture (3.8, as amended), and how it was broken. */
export class LawBroken extends Error {
  readonly law: string

  constructor(law: string, how: string) {
    super(how)
    this.name = 'LawBroken'
    this.law = law
  }
}

/** The row as it was after the last operation, as far as laws speak of it. */
interface SeenRun {
  status: RunRow['status']
  ended: string | null
  epoch: number
  claimId: string | null
  leaseUntil: number | null
  revision: number
  wakeSeq: number
  settledSeq: number
  readonly steps: Map<string, SeenStep>
}

interface SeenStep {
  settled: string | null
  epoch: number
  attempt: number
  dueAt: number | null
}

/** Times are in whole milliseconds, here and there. */
const leewayMs = 3

/** Looks at the tables themselves after every operation: what no answer tells cannot hide here. */
export class TableLaws {
  readonly #tables: MemoryTables
  readonly #storeJumps: boolean
  readonly #seen = new Map<string, SeenRun>()

  constructor(tables: MemoryTables, storeJumps: boolean) {
    this.#tables = tables
    this.#storeJumps = storeJumps
  }

  /** @throws LawBroken */
  check(): void {
    for (const run of this.#tables.runs.values()) this.#checkRun(run)
  }

  /** An inline step's retry is timed by its process, which the store's clock may have left behind. */
  #beganAt(step: StepRow): number {
    if (step.kind === 'rpc') return this.#tables.now()
    return this.#storeJumps ? Infinity : (step.startedAt ?? Infinity)
  }

  #checkRun(run: RunRow): void {
    const seen = this.#seen.get(run.runId) ?? fresh()
    if (seen.ended !== null) {
      if (seen.ended !== endOf(run))
        throw new LawBroken('② an ended run never changes', `${run.runId}: ${seen.ended} became ${endOf(run)}`)
      return
    }
    if (run.status !== seen.status && !mayRunMove(seen.status, run.status))
      throw new LawBroken('② only legal moves', `${run.runId}: ${seen.status} → ${run.status}`)
    grows(run, seen)
    if (run.epoch > seen.epoch && seen.leaseUntil !== null && this.#tables.now() < seen.leaseUntil)
      throw new LawBroken('③ a live lease is not taken', `${run.runId}: epoch ${seen.epoch} → ${run.epoch}`)
    let last = seen.settledSeq
    for (const [key, step] of run.steps) last = Math.max(last, this.#checkStep(run, seen, { key, step }))
    this.#seen.set(run.runId, {
      status: run.status,
      ended: isEnded(run.status) ? endOf(run) : null,
      epoch: run.epoch,
      claimId: run.claimId,
      leaseUntil: run.leaseUntil,
      revision: run.revision,
      wakeSeq: run.wakeSeq,
      settledSeq: last,
      steps: seen.steps,
    })
    if (!isEnded(run.status)) assertMoves(run)
  }

  #checkStep(run: RunRow, seenRun: SeenRun, { key, step }: { key: string; step: StepRow }): number {
    const seen = seenRun.steps.get(key) ?? { settled: null, epoch: 0, attempt: 0, dueAt: null }
    const told = `${run.runId} '${step.id.name}'#${step.id.ordinal}`
    if (step.epoch < seen.epoch) throw new LawBroken('③ epochs only grow', `${told}: ${seen.epoch} → ${step.epoch}`)
    const settled = isSettled(step.status) ? resultOf(step) : null
    if (seen.settled !== null && settled !== seen.settled)
      throw new LawBroken('① a result is recorded once', `${told}: ${seen.settled} became ${settled ?? step.status}`)
    if (settled !== null && seen.settled === null) {
      if ((step.settledSeq ?? 0) <= seenRun.settledSeq)
        throw new LawBroken(
          '④ the order of settlements grows',
          `${told}: ${step.settledSeq} after ${seenRun.settledSeq}`,
        )
      if (step.kind === 'sleep' && seen.dueAt !== null && this.#tables.now() < seen.dueAt)
        throw new LawBroken(
          'a sleep ends no earlier than it is due',
          `${told}: ${seen.dueAt - this.#tables.now()} ms early`,
        )
    }
    if (step.attempt > seen.attempt && seen.dueAt !== null && this.#beganAt(step) < seen.dueAt - leewayMs)
      throw new LawBroken('a retry begins no earlier than it is due', told)
    seenRun.steps.set(key, { settled, epoch: step.epoch, attempt: step.attempt, dueAt: step.dueAt })
    return step.settledSeq ?? 0
  }
}

function grows(run: RunRow, seen: SeenRun): void {
  const told = run.runId
  if (run.epoch < seen.epoch) throw new LawBroken('③ epochs only grow', `${told}: ${seen.epoch} → ${run.epoch}`)
  if (run.epoch === seen.epoch && run.claimId !== seen.claimId && seen.claimId !== null)
    throw new LawBroken('③ an epoch belongs to one claim', `${told}: epoch ${run.epoch}`)
  if (run.revision < seen.revision) throw new LawBroken('④ revisions only grow', told)
  if (run.wakeSeq < seen.wakeSeq) throw new LawBroken('④ wakes are not taken back', told)
}

/** ⑤, as amended (A32): somebody holds it, or a timer or a ring is on record for it, or everything it waits for is live. */
function assertMoves(run: RunRow): void {
  if (run.leaseUntil !== null || run.rungAt !== null || run.dueAt !== null || run.suspendedByEngine) return
  const open = [...run.steps.values()].filter(({ status }) => !isSettled(status))
  const asleep = open.find((step) => !isLive(step))
  const why = asleep
    ? `'${asleep.id.name}'#${asleep.id.ordinal} is ${asleep.status} and nobody is to come for it`
    : null
  if (open.length > 0 && why === null && run.wakeSeq === run.readWakeSeq) return
  const how = why ?? (open.length === 0 ? 'it waits for nothing' : 'it was woken and nobody knows')
  throw new LawBroken('⑤ what has not ended can move', `${run.runId} is parked: ${how}`)
}

function isLive(step: StepRow): boolean {
  if (step.kind === 'rpc') return step.leaseUntil !== null || step.rungAt !== null || step.dueAt !== null
  return step.kind === 'child' || step.kind === 'suspend'
}

function resultOf({ status, output, error, reason, settledSeq, attempt }: StepRow): string {
  return `${status} ${output ?? error ?? reason} at ${settledSeq} by attempt ${attempt}`
}

function endOf(run: RunRow): string {
  const { status, output, error, reason, revision, epoch } = run
  return `${status} ${output ?? error ?? reason} at revision ${revision}, epoch ${epoch}, of ${run.steps.size} steps`
}

function fresh(): SeenRun {
  return {
    status: 'running',
    ended: null,
    epoch: 0,
    claimId: null,
    leaseUntil: null,
    revision: 0,
    wakeSeq: 0,
    settledSeq: 0,
    steps: new Map(),
  }
}
