import { randomUUID } from 'node:crypto'
import type { NextMove, Run, RunClaim, RunId, RunItem } from '../contract/index.ts'
import { crashesReason, MAX_CRASHES } from '../domain/limits.ts'
import { createReplay, createWorkflowContext, type ContextSource } from '../replay/index.ts'
import type { WorkflowDefinition } from '../define/index.ts'
import { bodyScope, type BodyScope } from './body-scope.ts'
import type { EngineParts } from './parts.ts'
import { encodeLeaving } from './encode-turn.ts'
import { FailedTurns } from './failed-turns.ts'
import type { HeldLease } from './lease-keeper.ts'
import { sharedMacrotask } from './macrotask.ts'
import { ParkedRuns } from './parked-runs.ts'
import { leavingAfter } from './plan-turn.ts'
import { RunTurns, type Left, type ParkedRun, type RunningBody } from './run-turns.ts'
import { sleepInParts } from './sleep-in-parts.ts'
import { Slots } from './slots.ts'
import { suspectAfter, suspectDelayMs, suspectPauseMs } from './suspects.ts'

export type ContextOf = (run: Run) => ContextSource

/** A claimed run whose lease is kept, and whether it was woken before anybody could hear it. */
interface Held {
  readonly claim: RunClaim
  readonly held: HeldLease
  readonly bell: { readonly rung: boolean }
}

/** Takes the turns of runs: claims them, replays them, and leaves them parked or ended. */
export class Orchestrator {
  readonly #parts: EngineParts
  readonly #slots: Slots
  readonly #suspects = new Slots(1)
  readonly #parked: ParkedRuns
  /** Runs that are being taken; true when something came for one meanwhile. */
  readonly #active = new Map<RunId, boolean>()
  readonly #work = new Set<Promise<void>>()
  readonly #contextOf: ContextOf
  readonly #failed = new FailedTurns()
  readonly #macrotask = sharedMacrotask()

  constructor(parts: EngineParts, concurrency: number, contextOf: ContextOf) {
    this.#parts = parts
    this.#slots = new Slots(concurrency)
    this.#parked = new ParkedRuns(parts.settings.parkedRuns)
    this.#contextOf = contextOf
  }

  /** Take this run's turns when a place is free. Never rejects. */
  async take(item: RunItem): Promise<void> {
    if (this.#noted(item.runId)) return
    this.#active.set(item.runId, false)
    await this.#slots.take()
    if (!this.#parts.stopping.aborted) return this.#run(item)
    this.#active.delete(item.runId)
    this.#slots.give()
    return this.#parts.dispatcher.ringAgain(item)
  }

  /** Take it if a place is free now; false when it should go to somebody else. */
  tryTake(item: RunItem): boolean {
    if (this.#parts.stopping.aborted || !this.#parts.registry.workflow(item.workflow)) return false
    if (this.#noted(item.runId)) return true
    if (!this.#slots.tryTake()) return false
    this.#active.set(item.runId, false)
    void this.#run(item)
    return true
  }

  /** Resolves when every run has been left; the engine's signals make that soon. */
  async stop(): Promise<void> {
    await Promise.all(this.#work)
    this.#parked.dropAll()
  }

  /** A run that is being taken is not taken twice; what came for it is looked at when it is left. */
  #noted(runId: RunId): boolean {
    if (!this.#active.has(runId)) return false
    this.#active.set(runId, true)
    this.#parts.keeper.wake(runId)
    return true
  }

  async #run(item: RunItem): Promise<void> {
    const work = this.#untilLeft(item)
    this.#work.add(work)
    await work
    this.#work.delete(work)
  }

  async #untilLeft(item: RunItem): Promise<void> {
    const { runId } = item
    try {
      let again = true
      while (again && !this.#parts.stopping.aborted) {
        this.#active.set(runId, false)
        this.#parts.keeper.expect(runId)
        again = (await this.#claimAndPlay(item)) || this.#active.get(runId) === true
      }
    } catch (error) {
      this.#parts.report({ kind: 'trouble', during: 'claiming a run', runId, error })
    } finally {
      this.#active.delete(runId)
      this.#parts.keeper.unexpect(runId)
      this.#slots.give()
    }
  }

  /** One claim and the turns under it. True: claim again at once. */
  async #claimAndPlay({ runId, workflow }: RunItem): Promise<boolean> {
    const { store, registry, owner, settings, clock, stopping, keeper } = this.#parts
    const definition = registry.workflow(workflow)
    if (!definition) return false
    const parked = this.#parked.take(runId)
    const ask = {
      runId,
      owner,
      claimId: randomUUID(),
      leaseMs: settings.leaseMs,
      known: [{ name: definition.name, codeHash: definition.codeHash }],
      after: parked?.revision ?? 0,
      // What is allowed: the last of them is one too many.
      limit: { max: MAX_CRASHES - 1, reason: crashesReason() },
    }
    const claim = await store.claimRun(ask).catch((error: unknown) => {
      parked?.body.replay.abandon()
      throw error
    })
    if (claim === null || 'ended' in claim) {
      parked?.body.replay.abandon()
      if (claim !== null) await this.#cancelOrphan(runId)
      return false
    }
    if (parked && parked.createdAt !== claim.history.run.createdAt) {
      parked.body.replay.abandon()
      await this.#putBack(claim, 0)
      return true
    }
    const suspect = claim.history.run.crashes >= suspectAfter
    if (suspect && !this.#suspects.tryTake()) {
      parked?.body.replay.abandon()
      await this.#putBack(claim, suspectDelayMs(claim.history.run.crashes))
      return false
    }
    // From here on it is renewed: the codec that reads its input may take its time.
    const bell = { rung: false }
    const held = keeper.hold(claim.lease, () => (bell.rung = true))
    try {
      if (suspect) await clock.sleep(suspectPauseMs, stopping)
      return this.#leave(runId, await this.#play({ claim, held, bell }, definition, parked))
    } finally {
      keeper.drop(held)
      if (suspect) this.#suspects.give()
    }
  }

  async #play({ claim, held, bell }: Held, definition: WorkflowDefinition, parked: ParkedRun | null): Promise<Left> {
    const body = parked?.body ?? (await this.#tryStartBody(claim, definition))
    if (body === null) return { kind: 'yielded' }
    const { codeHash } = definition
    const woken = bell.rung
    const turns = new RunTurns(this.#parts, { claim, held, woken, codeHash, body, parked, failed: this.#failed })
    const left = await turns.play()
    if (left.kind === 'parked' || left.kind === 'ended') this.#failed.taken(claim.lease.runId)
    if (left.kind !== 'parked') body.replay.abandon()
    return left
  }

  #leave(runId: RunId, left: Left): boolean {
    if (left.kind === 'stale') return true
    if (left.kind !== 'parked') return false
    const { body } = left.parked
    const workflow = body.scope.workflow
    this.#parked.put(runId, left.parked)
    body.onMoved = () => void this.#parts.dispatcher.dispatch([{ kind: 'run', runId, workflow }])
    return body.moved || body.rejection !== null
  }

  async #putBack(claim: RunClaim, delayMs: number): Promise<void> {
    await this.#leaveUntouched(claim, { kind: 'yield', delayMs })
  }

  /** The claim's only turn. */
  async #leaveUntouched({ lease, history }: RunClaim, next: NextMove, codeHash = ''): Promise<void> {
    const { revision: after } = history
    await this.#parts.store.commitRun(lease, { number: 1, after, codeHash, schedule: [], record: [], next })
  }

  async #cancelOrphan(runId: RunId): Promise<void> {
    const { cancelled, wake } = await this.#parts.store.cancelRun(runId, 'its parent run has ended')
    if (cancelled) this.#parts.dispatcher.tell([runId])
    void this.#parts.dispatcher.dispatch(wake)
  }

  /** Null: its input could not be read now, which is not the run's fault; it was given back, or one time too many was. */
  async #tryStartBody(claim: RunClaim, { name, codeHash }: WorkflowDefinition): Promise<RunningBody | null> {
    const { report, settings, payloads, dispatcher } = this.#parts
    const { runId } = claim.lease
    try {
      return await this.#startBody(claim, name)
    } catch (error) {
      report({ kind: 'trouble', during: 'starting a run', runId, error })
      const { wakeSeq } = claim.history
      const how = { wakeSeq, delayMs: settings.troubleDelayMs }
      const leaving = leavingAfter(error, this.#failed.isOneTooMany(runId, error), how)
      await this.#leaveUntouched(claim, await encodeLeaving(leaving, { workflow: name, codeHash }, payloads), codeHash)
      if (leaving.kind !== 'suspend') return null
      dispatcher.tell([runId])
      report({ kind: 'run-suspended', runId, workflow: name, reason: leaving.reason })
      return null
    }
  }

  async #startBody({ history }: RunClaim, name: string): Promise<RunningBody> {
    const { payloads, app, settings, clock } = this.#parts
    const { run } = history
    const input = await payloads.decode(run.input, () => 'the input of the run')
    const source = this.#contextOf(run)
    const scope: BodyScope = {
      runId: run.runId,
      workflow: run.workflow,
      inStep: false,
      onRejection: (error) => {
        body.rejection ??= { error }
        body.onMoved()
      },
    }
    const replay = createReplay(
      (port) => bodyScope.run(scope, () => app.callWorkflow(name, input, createWorkflowContext(port, source))),
      {
        yieldTurn: this.#macrotask,
        grace: (short, done) => sleepInParts(clock, short ? settings.replayGraceMs / 10 : settings.replayGraceMs, done),
      },
    )
    const body: RunningBody = { replay, scope, rejection: null, moved: false, onMoved: () => undefined }
    replay.onMoved(() => {
      body.moved = true
      body.onMoved()
    })
    return body
  }
}
