import type { Changes, Committed, InlineRecord, RunClaim, Step, StepPlan, Turn } from '../contract/index.ts'
import { WorkflowError } from '../contract/index.ts'
import type { Command, Decision, Replay, ReplayStep } from '../replay/index.ts'
import { Bell } from './bell.ts'
import type { BodyScope } from './body-scope.ts'
import { DueSleeps } from './due-sleeps.ts'
import { encodeLeaving, encodePlan } from './encode-turn.ts'
import type { FailedTurns } from './failed-turns.ts'
import { readToEnd, toReplaySteps, toSettledRecords } from './history.ts'
import { InlineSteps } from './inline-steps.ts'
import type { HeldLease } from './lease-keeper.ts'
import { inlineAttempt, OpenInline, type InlineCommand, type InlineSurroundings } from './open-inline.ts'
import type { EngineParts } from './parts.ts'
import { persist } from './persist.ts'
import { leavingAfter, planLeaving, type Leaving } from './plan-turn.ts'

/** A run's replay between two claims. A cache: without it the next claim replays from the start. */
export interface ParkedRun {
  readonly body: RunningBody
  readonly open: OpenInline
  readonly sleeps: DueSleeps
  /** The history is known up to here. */
  readonly revision: number
  /** Of the run it was: a database that lost it may have another one under its id. */
  readonly createdAt: number
}

/** A body under replay, and what it told outside of any turn. */
export interface RunningBody {
  readonly replay: Replay
  readonly scope: BodyScope
  /** Set when the body left a rejection unhandled: that fails the run. */
  rejection: { readonly error: unknown } | null
  /** It asked, returned or threw since it was last advanced. */
  moved: boolean
  /** Rings whoever holds the run, or the orchestrator while it is parked. */
  onMoved: () => void
}

/** How a held run was left. */
export type Left =
  | { readonly kind: 'parked'; readonly parked: ParkedRun }
  | { readonly kind: 'ended' | 'suspended' | 'yielded' | 'lost' }
  /** The cached replay does not fit the history; a fresh one may. */
  | { readonly kind: 'stale' }

/** An inline retry this near is waited for with the lease held: leaving and claiming again would take longer. */
const worthHoldingMs = 50

/** What `abort()` gives by itself, made once: each of them finds out its stack. */
const leftBehind = new DOMException('This operation was aborted', 'AbortError')

/** One commit writes at most so many rows of each kind: what a server does at once others wait for. */
const maxRows = 200

/**
 * Takes the turns of one held run: an event loop over inline outcomes, wakes and the body's own moves, in which every
 * event commits, moves `seen` to what was just read, and advances at once (A5).
 */
export class RunTurns {
  readonly #parts: EngineParts
  readonly #claim: RunClaim
  readonly #codeHash: string
  readonly #held: HeldLease
  /** Aborts when nothing more can or should be written. */
  readonly #quit: AbortSignal
  /** Aborts when the run was left. */
  readonly #done = new AbortController()
  readonly #inlineSurroundings: InlineSurroundings
  readonly #body: RunningBody
  readonly #open: OpenInline
  readonly #sleeps: DueSleeps
  readonly #cached: boolean
  readonly #failed: FailedTurns
  readonly #bell = new Bell()
  readonly #inline = new InlineSteps(this.#bell.ring)
  /** Asked for and not on record yet. */
  readonly #toSchedule: StepPlan[] = []
  #seen: { revision: number; wakeSeq: number }
  #turn = 0
  #woken = false
  #wokenLeaving = false
  #advancing = false
  #toldWaiting = false
  /** Inline steps that did not heed their signal are left behind. */
  #graceIsOver = false

  constructor(
    parts: EngineParts,
    run: {
      claim: RunClaim
      held: HeldLease
      /** It was woken since it was claimed. */
      woken: boolean
      codeHash: string
      body: RunningBody
      parked: ParkedRun | null
      failed: FailedTurns
    },
  ) {
    this.#parts = parts
    this.#failed = run.failed
    this.#claim = run.claim
    this.#codeHash = run.codeHash
    this.#body = run.body
    this.#open = run.parked?.open ?? new OpenInline(parts.clock)
    this.#sleeps = run.parked?.sleeps ?? new DueSleeps(parts.clock)
    this.#cached = run.parked !== null
    this.#seen = run.claim.history
    this.#held = run.held
    this.#held.onWoken = () => this.#wake()
    this.#woken = run.woken
    this.#quit = AbortSignal.any([this.#held.signal, parts.graceOver])
    const signal = (): AbortSignal => AbortSignal.any([this.#quit, this.#done.signal])
    this.#inlineSurroundings = { payloads: parts.payloads, scope: run.body.scope, signal }
  }

  /** Until the run is parked, ended, or no longer ours. Never rejects. */
  async play(): Promise<Left> {
    const { stopping, graceOver } = this.#parts
    const signals = [this.#held.signal, stopping, graceOver]
    for (const signal of signals) signal.addEventListener('abort', this.#interrupt)
    this.#body.onMoved = this.#bell.ring
    try {
      if (this.#held.signal.aborted) return { kind: 'lost' }
      if (stopping.aborted) return await this.#handOver()
      return await this.#play()
    } catch (error) {
      if (!WorkflowError.is(error, 'LEASE_LOST')) return await this.#giveUp(error)
      this.#parts.keeper.lose(this.#held)
      return { kind: 'lost' }
    } finally {
      for (const signal of signals) signal.removeEventListener('abort', this.#interrupt)
      this.#done.abort(leftBehind)
      this.#parts.keeper.drop(this.#held)
      // What woke a holder after this one had gone was meant for the next.
      if (this.#wokenLeaving) this.#parts.dispatcher.tell([this.#claim.lease.runId])
    }
  }

  /** It was claimed while this process began to stop. */
  async #handOver(): Promise<Left> {
    await this.#commit([], [], { kind: 'yield', delayMs: this.#parts.handOverMs })
    return { kind: 'yielded' }
  }

  async #play(): Promise<Left> {
    let changed = await this.#read(this.#claim.history)
    for (;;) {
      this.#body.moved = false
      const decision = await this.#advance(changed)
      if (decision.kind === 'diverged' && this.#cached) return await this.#leaveStale()
      const acted = await this.#act(decision)
      if (!Array.isArray(acted)) return acted
      changed = acted
    }
  }

  async #advance(changed: readonly ReplayStep[]): Promise<Decision> {
    this.#advancing = true
    if (this.#parts.stopping.aborted) this.#interruptSoon()
    const decision = await this.#body.replay.advance(changed)
    this.#advancing = false
    return decision
  }

  /** A replay may wait long for a body that awaits something outside; whoever stops does not wait for it. */
  readonly #interrupt = (): void => {
    if (this.#advancing) this.#body.replay.abandon()
    if (this.#parts.graceOver.aborted) this.#interruptSoon()
    this.#bell.ring()
  }

  /** A little later, for what may still come in time: the end of a body that was all but done, steps that heed their signal. */
  #interruptSoon(): void {
    const { clock, settings, graceOver } = this.#parts
    void clock.sleep(settings.abortGraceMs, this.#done.signal).then(() => {
      if (this.#advancing) this.#body.replay.abandon()
      this.#graceIsOver = graceOver.aborted
      this.#bell.ring()
    })
  }

  /** Write what the body asked for and what ended, until there is news to advance by, or the run is left. */
  async #act(decision: Decision): Promise<ReplayStep[] | Left> {
    await this.#take(decision)
    for (;;) {
      if (this.#held.signal.aborted) return { kind: 'lost' }
      const due = this.#parts.stopping.aborted || this.#inline.trouble ? [] : this.#open.takeDue()
      const record = this.#takeEnded()
      const schedule = this.#toSchedule.splice(0, maxRows)
      const leaving = this.#plan(decision, due.length + record.length)
      let changed: ReplayStep[] = []
      if (schedule.length > 0 || record.length > 0 || leaving.kind !== 'hold' || this.#woken) {
        const committed = await this.#commit(schedule, record, leaving)
        if (committed.released) return this.#left(leaving)
        changed = await this.#merge(committed, record)
      }
      for (const attempt of due) this.#inline.start(inlineAttempt(attempt, this.#inlineSurroundings))
      if (changed.length > 0) return changed
      if (leaving.kind !== 'hold' || this.#hasMore()) continue
      if (!this.#body.moved) await this.#nextEvent(decision)
      if (this.#body.moved) return []
    }
  }

  /** What inline steps came to. One that failed after it was told to stop did not fail: others run it again. */
  #takeEnded(): readonly InlineRecord[] {
    const ended = this.#inline.takeEnded(maxRows)
    return this.#parts.graceOver.aborted ? ended.filter(({ outcome }) => outcome.kind === 'succeeded') : ended
  }

  /** Commands are given once: rpc steps and sleeps become plans, inline steps are kept until they settle. */
  async #take(decision: Decision): Promise<void> {
    if (!('commands' in decision)) return
    for (const command of decision.commands) {
      if (isInline(command)) {
        this.#open.add(command)
      } else this.#toSchedule.push(await encodePlan(command, this.#parts))
    }
  }

  #hasMore(): boolean {
    return this.#toSchedule.length > 0 || this.#inline.ended > 0
  }

  #plan(decision: Decision, ready: number): Leaving {
    // What ran here goes on record before the run is left, however it is left.
    if (this.#inline.ended > 0) return { kind: 'hold' }
    if (this.#body.rejection) return { kind: 'fail', error: this.#body.rejection.error }
    // What runs beside it is recorded first: given back now, it would be run a second time while it runs (F4).
    if (this.#inline.trouble && this.#inline.running + ready === 0) throw this.#inline.trouble.error
    const dueInMs = this.#parts.stopping.aborted ? null : this.#open.nextDueInMs
    const soon = dueInMs !== null && dueInMs <= worthHoldingMs ? 1 : 0
    return planLeaving({
      decision,
      more: this.#toSchedule.length,
      inline: ready + soon + this.#inline.running,
      wakeSeq: this.#seen.wakeSeq,
      stopping: this.#parts.stopping.aborted,
      handOverMs: this.#parts.handOverMs,
      graceOver: this.#graceIsOver,
    })
  }

  async #commit(schedule: readonly StepPlan[], record: readonly InlineRecord[], leaving: Leaving): Promise<Committed> {
    this.#woken = this.#wokenLeaving = false
    const { store, dispatcher, sweeper, clock, report } = this.#parts
    const { workflow } = this.#body.scope
    const next =
      leaving.kind === 'hold'
        ? leaving
        : await encodeLeaving(leaving, { workflow, codeHash: this.#codeHash }, this.#parts.payloads)
    const turn: Turn = {
      number: ++this.#turn,
      after: this.#seen.revision,
      codeHash: this.#codeHash,
      schedule,
      record,
      next,
    }
    this.#held.leaving = next.kind !== 'hold'
    const committed = await persist({ during: 'committing a turn', signal: this.#quit, clock, report }, () =>
      store.commitRun(this.#claim.lease, turn),
    )
    this.#held.leaving = false
    for (const delayMs of delaysOf(turn)) sweeper.expectIn(delayMs)
    // The lease goes before its run is dispatched: else the wake would be taken for one of this holder.
    if (committed.released) this.#parts.keeper.drop(this.#held)
    if (committed.wake.length > 0) void dispatcher.dispatch(committed.wake)
    dispatcher.progressed(this.#claim.lease.runId)
    return committed
  }

  async #merge(
    committed: Extract<Committed, { released: false }>,
    record: readonly InlineRecord[],
  ): Promise<ReplayStep[]> {
    for (const { id, attempt, outcome } of record) {
      if (outcome.kind === 'retry') this.#open.again(id, attempt, outcome.delayMs)
    }
    for (const { id } of committed.recorded) this.#open.settled(id)
    const own = await toSettledRecords(committed.recorded, record, this.#parts.payloads)
    this.#seen = { ...this.#seen, wakeSeq: committed.wakeSeq }
    return [...own, ...(await this.#read(committed))]
  }

  async #read(changes: Changes): Promise<ReplayStep[]> {
    const { store, clock, report } = this.#parts
    const { steps, revision } = changes.more
      ? await persist({ during: 'reading a history', signal: this.#quit, clock, report }, () =>
          readToEnd(store, this.#claim.lease.runId, changes),
        )
      : changes
    this.#seen = { wakeSeq: this.#seen.wakeSeq, revision }
    if (steps.length === 0) return []
    for (const step of steps) {
      this.#noteInline(step)
      this.#sleeps.note(step)
    }
    return toReplaySteps(steps, this.#parts.payloads)
  }

  /** What other processes did of this run's inline steps. */
  #noteInline(step: Step): void {
    if (step.kind !== 'inline') return
    if (step.settledSeq !== null) return this.#open.settled(step.id)
    this.#open.again(step.id, step.attempt, step.dueInMs ?? 0)
  }

  async #nextEvent(decision: Decision): Promise<void> {
    this.#tellWaitingOutside(decision)
    const dueInMs = Math.min(this.#open.nextDueInMs ?? Infinity, this.#sleeps.nextDueInMs ?? Infinity)
    if (dueInMs === Infinity) return this.#bell.wait()
    const timer = new AbortController()
    // An aborted sleep resolves too: if it rang, this would go round until the timer is due, and nothing else would happen.
    const ring = (): void => {
      if (!timer.signal.aborted) this.#bell.ring()
    }
    void this.#parts.clock.sleep(dueInMs, timer.signal).then(ring)
    await this.#bell.wait()
    // With a reason at hand: without one each abort makes an error and its stack.
    timer.abort('rung')
    // The commit that a wake makes ends the due sleeps, too.
    this.#woken ||= this.#sleeps.takeDue()
  }

  #wake(): void {
    this.#woken = true
    this.#wokenLeaving = this.#held.leaving
    this.#bell.ring()
  }

  #tellWaitingOutside(decision: Decision): void {
    if (this.#toldWaiting || !('open' in decision) || decision.open > 0 || this.#inline.running > 0) return
    this.#toldWaiting = true
    const { runId, workflow } = this.#claim.history.run
    this.#parts.report({ kind: 'waiting-outside', runId, workflow })
  }

  #left(leaving: Leaving): Left {
    const { runId, workflow, createdAt } = this.#claim.history.run
    const { report, dispatcher } = this.#parts
    if (leaving.kind === 'park') {
      report({ kind: 'run-parked', runId, workflow })
      const { revision } = this.#seen
      const parked = { body: this.#body, open: this.#open, sleeps: this.#sleeps, revision, createdAt }
      return { kind: 'parked', parked }
    }
    if (leaving.kind === 'yield') return { kind: 'yielded' }
    dispatcher.tell([runId])
    if (leaving.kind === 'suspend') {
      report({ kind: 'run-suspended', runId, workflow, reason: leaving.reason })
      return { kind: 'suspended' }
    }
    report({ kind: endedEvents[leaving.kind as keyof typeof endedEvents], runId, workflow })
    return { kind: 'ended' }
  }

  async #leaveStale(): Promise<Left> {
    await this.#commit([], [], { kind: 'yield', delayMs: 0 })
    return { kind: 'stale' }
  }

  /** Something that is not the run's fault: give it back to be tried again, here or elsewhere, but not for ever. */
  async #giveUp(error: unknown): Promise<Left> {
    const { runId } = this.#claim.lease
    const { report } = this.#parts
    report({ kind: 'trouble', during: 'taking a turn', runId, error })
    if (this.#held.signal.aborted || WorkflowError.is(error, 'STORE_UNAVAILABLE')) return { kind: 'lost' }
    const leaving = leavingAfter(error, this.#failed.isOneTooMany(runId, error), {
      wakeSeq: this.#seen.wakeSeq,
      delayMs: this.#parts.settings.troubleDelayMs,
    })
    try {
      await this.#commit([], [], leaving)
      return this.#left(leaving)
    } catch (second) {
      // Its lease runs out then, and others take it.
      report({ kind: 'trouble', during: 'giving a run back', runId, error: second })
      return { kind: 'lost' }
    }
  }
}

const endedEvents = { complete: 'run-completed', fail: 'run-failed', cancel: 'run-cancelled' } as const

function isInline(command: Command): command is InlineCommand {
  return command.kind === 'inline'
}

/** When this turn's own timers are due. */
function delaysOf(turn: Turn): number[] {
  const sleeps = turn.schedule.flatMap((plan) => (plan.kind === 'sleep' ? [plan.delayMs] : []))
  const retries = turn.record.flatMap(({ outcome }) => (outcome.kind === 'retry' ? [outcome.delayMs] : []))
  return [...sleeps, ...retries]
}
