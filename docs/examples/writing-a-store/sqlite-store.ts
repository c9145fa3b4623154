import { LeaseLostError } from '@pikku/core/contract'
import type {
  Changes,
  ClaimRun,
  ClaimStep,
  Committed,
  Lease,
  NewRun,
  NewSignal,
  Renewed,
  RetryPolicy,
  Run,
  RunClaim,
  Settled,
  Settlement,
  StepClaim,
  StepOutcome,
  Sweep,
  Swept,
  Turn,
  WorkItem,
  WorkflowStore,
} from '@pikku/core/contract'
import { changesOf } from './changes.ts'
import { holdBack, type Database, type RunRow, type StepRow } from './database.ts'
import {
  endRun,
  findRun,
  findStep,
  haltOverLimit,
  insertRun,
  isForWorker,
  isHeldBy,
  isOrphan,
  nextRevision,
  rest,
  ring,
  ringRun,
  runItem,
  saveRun,
  settle,
  stepItem,
  toRun,
  wake,
} from './rules.ts'
import { sweep } from './sweep.ts'
import { addAttempt, leave, recordInline, schedule, settleDueSleeps } from './turns.ts'

// #region create-run
type Waking = { readonly wake: readonly WorkItem[] }

/** A workflow store in one SQLite file. */
export class SqliteStore implements WorkflowStore {
  /** A process that was killed is noticed by its leases, which run out. */
  readonly capabilities = { noticesDeath: false }
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
  }

  createRun(given: NewRun): Promise<Waking & { run: Run; created: boolean }> {
    return this.#db.write(() => {
      const { run, created } = insertRun(this.#db, given)
      return { run: toRun(run), created, wake: run.endedAt === null ? [runItem(this.#db, run)] : [] }
    })
  }
  // #endregion

  // #region claim-run
  claimRun(ask: ClaimRun): Promise<RunClaim | { readonly ended: 'parent' } | null> {
    return this.#db.write(() => {
      const run = findRun(this.#db, ask.runId)
      if (!run || run.endedAt !== null) return null
      // The same call again: the same lease, or nothing where it was given back since.
      if (run.claimId === ask.claimId) return run.leaseUntil === null ? null : this.#toClaim(run, ask)
      if (isOrphan(this.#db, run)) return { ended: 'parent' }
      if (!isForWorker(run, ask.known)) return null
      if (run.leaseUntil !== null && !this.#takeOver(run, ask)) return null
      const { owner, claimId } = ask
      const leaseUntil = this.#db.now + ask.leaseMs * 2 ** Math.min(run.crashes, 6)
      Object.assign(run, {
        epoch: run.epoch + 1,
        owner,
        claimId,
        leaseUntil,
        status: 'running',
        reason: null,
        halted: null,
      })
      rest(run, null)
      return this.#toClaim(run, ask)
    })
  }

  /** A lease that was left to run out is a crash. False: too early to take it, or one crash too many. */
  #takeOver(run: RunRow, { limit }: ClaimRun): boolean {
    if (this.#db.now < (run.leaseUntil ?? 0) + holdBack(run.crashes)) return false
    run.crashes += 1
    if (run.crashes <= limit.max) return true
    haltOverLimit(this.#db, run, limit.reason)
    return false
  }

  #toClaim(run: RunRow, { owner, claimId, after }: ClaimRun): RunClaim {
    settleDueSleeps(this.#db, run)
    run.readSeq = run.wakeSeq
    saveRun(this.#db, run)
    const { runId, epoch, wakeSeq } = run
    const changes = changesOf(this.#db, run, { after, holdsLock: true })
    return { lease: { runId, owner, claimId, epoch }, history: { run: toRun(run), wakeSeq, ...changes } }
  }
  // #endregion

  // #region commit-run
  commitRun(lease: Lease, turn: Turn): Promise<Committed> {
    return this.#db.write(() => {
      const run = findRun(this.#db, lease.runId)
      if (!run) throw new LeaseLostError(lease.runId)
      const claim = `${lease.epoch} ${lease.claimId}`
      const last = JSON.parse(run.lastTurn ?? '{}') as { claim?: string; number: number; answer: Committed }
      const isOld = last.claim === claim && turn.number <= last.number
      if (isOld && turn.number === last.number) return last.answer
      if (run.endedAt !== null || !isHeldBy(run, lease)) throw new LeaseLostError(lease.runId)
      // It was made again when no answer came, and others after it: this is the first, late. Nobody waits for its answer.
      if (isOld) return this.#keep(run, turn, { own: [], wake: [] })
      const answer = this.#apply(run, turn)
      run.lastTurn = JSON.stringify({ claim, number: turn.number, answer })
      saveRun(this.#db, run)
      return answer
    })
  }

  /** Sleeps, then what ran here, then what was asked for: the order in which they get their places. */
  #apply(run: RunRow, turn: Turn): Committed {
    const items: WorkItem[] = []
    let news = settleDueSleeps(this.#db, run)
    const own = turn.record.flatMap((record) => recordInline(this.#db, run, record) ?? [])
    for (const plan of turn.schedule) {
      const made = schedule(this.#db, run, plan)
      items.push(...made.wake)
      if (made.isSettled) news += 1
    }
    if (turn.record.length + turn.schedule.length > 0) run.crashes = 0
    const { next } = turn
    const mayBeRefused = next.kind === 'park' || (next.kind === 'suspend' && next.codeHash === undefined)
    // What the body has not been told, nobody would tell it.
    const isRefused = mayBeRefused && (news > 0 || run.wakeSeq !== next.wakeSeq)
    if (next.kind === 'hold' || isRefused) return this.#keep(run, turn, { own, wake: items })
    return { released: true, wake: [...items, ...leave(this.#db, run, next)] }
  }

  #keep(run: RunRow, turn: Turn, { own, wake }: Waking & { own: readonly StepRow[] }): Committed {
    run.readSeq = run.wakeSeq
    const except = new Set(own.map(({ revision }) => revision))
    const changes = changesOf(this.#db, run, { after: turn.after, holdsLock: true, except })
    const recorded = own.flatMap(toSettlement)
    return { released: false, ...changes, wakeSeq: run.wakeSeq, recorded, wake }
  }
  // #endregion

  // #region read-changes
  readChanges(runId: string, after: number): Promise<Changes> {
    return this.#db.read(() => {
      const run = findRun(this.#db, runId)
      if (!run) return { steps: [], signals: [], revision: after, more: false }
      return changesOf(this.#db, run, { after, holdsLock: false })
    })
  }
  // #endregion

  // #region claim-step
  claimStep(ask: ClaimStep): Promise<StepClaim | null> {
    return this.#db.write(() => {
      const [run, step] = [findRun(this.#db, ask.runId), findStep(this.#db, ask.runId, ask.step)]
      if (!run || run.endedAt !== null || run.halted !== null) return null
      if (!step || step.kind !== 'rpc' || step.settledSeq !== null) return null
      if (step.claimId === ask.claimId) return step.leaseUntil === null ? null : toStepClaim(run, step, ask)
      if (!ask.known.includes(step.rpcName ?? '')) return null
      if (this.#db.now < (step.leaseUntil ?? step.dueAt ?? 0)) return null
      if (step.leaseUntil !== null) {
        this.#lose(run, step)
        if (step.lost > ask.limit.max) return (haltOverLimit(this.#db, run, ask.limit.reason), null)
      }
      const { owner, claimId } = ask
      const times = { startedAt: this.#db.now, leaseUntil: this.#db.now + ask.leaseMs, dueAt: null }
      const counts = { attempt: step.attempt + 1, epoch: step.epoch + 1, revision: nextRevision(run) }
      Object.assign(step, { status: 'running', owner, claimId, ...times, ...counts })
      rest(step, null)
      this.#saveBoth(run, step)
      return toStepClaim(run, step, ask)
    })
  }

  /** Its worker died or gave it up: the attempt goes on record, and the step waits for another worker. */
  #lose(run: RunRow, step: StepRow): void {
    Object.assign(step, { status: 'scheduled', lost: step.lost + 1, leaseUntil: null, revision: nextRevision(run) })
    addAttempt(this.#db, step, 'lost')
    ring(this.#db, step)
    this.#saveBoth(run, step)
  }
  // #endregion

  // #region settle-step
  settleStep(lease: Lease, outcome: StepOutcome): Promise<Settled | null> {
    return this.#endLease(lease, outcome.kind, (run, step) => {
      if (outcome.kind === 'retry') return { settledSeq: null, wake: this.#retry(run, step, outcome) }
      settle(this.#db, { run, step }, outcome)
      return { settledSeq: step.settledSeq, wake: wake(this.#db, run) }
    })
  }

  #retry(run: RunRow, step: StepRow, { error, delayMs }: StepOutcome & { kind: 'retry' }): WorkItem[] {
    Object.assign(step, { status: 'scheduled', error, revision: nextRevision(run) })
    addAttempt(this.#db, step, 'failed')
    return this.#offer(step, delayMs)
  }

  /** For any worker: at once, or from a time on that the sweep waits for. */
  #offer(step: StepRow, delayMs: number): WorkItem[] {
    step.leaseUntil = null
    step.dueAt = delayMs > 0 ? this.#db.now + delayMs : null
    if (step.dueAt === null) ring(this.#db, step)
    else rest(step, step.dueAt)
    return step.dueAt === null ? [stepItem(step)] : []
  }

  async releaseStep(lease: Lease, how: { entered: boolean; delayMs: number }): Promise<Waking> {
    const released = await this.#endLease(lease, 'released', (run, step) => {
      if (how.entered) this.#lose(run, step)
      else Object.assign(step, { status: 'scheduled', attempt: step.attempt - 1, revision: nextRevision(run) })
      return { settledSeq: null, wake: this.#offer(step, how.delayMs) }
    })
    return { wake: released?.wake ?? [] }
  }

  /** A step's lease ends once; the same ending again is answered as it was. */
  #endLease(lease: Lease, how: string, end: (run: RunRow, step: StepRow) => Settled): Promise<Settled | null> {
    return this.#db.write(() => {
      const run = findRun(this.#db, lease.runId)
      const step = lease.step && findStep(this.#db, lease.runId, lease.step)
      if (!run || !step) return null
      const call = [lease.epoch, lease.claimId, how].join()
      const last = JSON.parse(step.ending ?? '{}') as { call?: string; answer: Settled }
      if (last.call === call) return last.answer
      if (run.endedAt !== null || !isHeldBy(step, lease)) return null
      const answer = end(run, step)
      step.ending = JSON.stringify({ call, answer })
      this.#saveBoth(run, step)
      return answer
    })
  }
  // #endregion

  // #region renew-leases
  renewLeases(leases: readonly Lease[], leaseMs: number): Promise<Renewed> {
    return this.#db.write(() => {
      const lost: Lease[] = []
      const woken: string[] = []
      for (const lease of leases) {
        const run = findRun(this.#db, lease.runId)
        const row = lease.step ? findStep(this.#db, lease.runId, lease.step) : run
        if (!run || !row || run.endedAt !== null || !isHeldBy(row, lease)) {
          lost.push(lease)
          continue
        }
        row.leaseUntil = Math.max(row.leaseUntil ?? 0, this.#db.now + leaseMs)
        this.#db.save(lease.step ? 'steps' : 'runs', row)
        if (!lease.step && run.wakeSeq > run.readSeq) woken.push(run.runId)
      }
      return { lost, busy: [], woken } // SQLite locks no rows: none is ever busy.
    })
  }
  // #endregion

  // #region from-outside
  signalRun(signal: NewSignal): Promise<Waking & { accepted: boolean }> {
    return this.#db.write(() => {
      const run = findRun(this.#db, signal.runId)
      if (!run || run.endedAt !== null) return { accepted: false, wake: [] }
      if (signal.kind === 'resume') return { accepted: true, wake: this.#resume(run) }
      const { runId, signalId, name, payload } = signal
      const known = this.#db.get('select 1 from signals where runId = :runId and signalId = :signalId', {
        runId,
        signalId,
      })
      if (known) return { accepted: false, wake: [] }
      const step = this.#db.get<StepRow>(
        `select * from steps where runId = :runId and name = :name and kind = 'suspend' and settledSeq is null
         order by place limit 1`,
        { runId, name },
      )
      if (step) settle(this.#db, { run, step }, { output: payload })
      const revision = step ? run.revision : nextRevision(run)
      this.#db.insert('signals', { runId, signalId, name, payload, revision, consumed: step ? 1 : 0 })
      if (run.halted === null) Object.assign(run, { status: 'running', reason: null })
      const items = wake(this.#db, run)
      saveRun(this.#db, run)
      return { accepted: true, wake: items }
    })
  }

  /** Nobody expects this run, so it is rung whether it was woken before or not. */
  #resume(run: RunRow): WorkItem[] {
    const { runId } = run
    const scarred = 'select * from steps where runId = :runId and lost > 0 and settledSeq is null order by place'
    for (const step of this.#db.all<StepRow>(scarred, { runId })) {
      // What was lost goes on costing no retries.
      const given: RetryPolicy = JSON.parse(step.policy ?? '')
      const policy = JSON.stringify({ ...given, retries: given.retries + step.lost })
      this.#db.save('steps', { ...step, policy, lost: 0, revision: nextRevision(run) })
    }
    if (run.halted !== null) Object.assign(run, { status: 'running', reason: null, halted: null })
    Object.assign(run, { blockedFor: '[]', crashes: 0, wakeSeq: run.wakeSeq + 1 })
    const item = ringRun(this.#db, run)
    saveRun(this.#db, run)
    return [item]
  }

  cancelRun(runId: string, reason: string): Promise<Waking & { cancelled: boolean }> {
    return this.#db.write(() => {
      const run = findRun(this.#db, runId)
      if (!run || run.endedAt !== null) return { cancelled: false, wake: [] }
      return { cancelled: true, wake: endRun(this.#db, run, { status: 'cancelled', reason }) }
    })
  }
  // #endregion

  // #region rest
  sweep(ask: Sweep): Promise<Swept> {
    return this.#db.write(() => sweep(this.#db, ask))
  }

  enlist(): Promise<void> {
    return Promise.resolve()
  }

  close(): Promise<void> {
    this.#db.close()
    return Promise.resolve()
  }

  #saveBoth(run: RunRow, step: StepRow): void {
    this.#db.save('steps', step)
    saveRun(this.#db, run)
  }
}

function toStepClaim({ runId, workflow }: RunRow, step: StepRow, { owner, claimId }: ClaimStep): StepClaim {
  const { name, ordinal, epoch, rpcName, input, policy, attempt, lost } = step
  const lease = { runId, step: { name, ordinal }, owner, claimId, epoch }
  return {
    lease,
    workflow,
    rpcName: rpcName ?? '',
    input: input ?? '',
    policy: JSON.parse(policy ?? ''),
    attempt,
    lost,
  }
}

function toSettlement({ name, ordinal, settledSeq, settledAt }: StepRow): readonly Settlement[] {
  return settledSeq === null || settledAt === null ? [] : [{ id: { name, ordinal }, settledSeq, settledAt }]
}
// #endregion
