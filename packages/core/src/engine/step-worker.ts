import { randomUUID } from 'node:crypto'
import type { StepClaim, StepItem, StepOutcome } from '../contract/index.ts'
import { invocationId } from '../domain/invocation-id.ts'
import { lostAttemptsReason, MAX_LOST_ATTEMPTS } from '../domain/limits.ts'
import { describeStep, stepKey } from '../domain/step-id.ts'
import type { HeldLease } from './lease-keeper.ts'
import type { EngineParts } from './parts.ts'
import { persist } from './persist.ts'
import { runAttempt } from './run-attempt.ts'
import { Slots } from './slots.ts'
import { suspectAfter, suspectDelayMs, suspectPauseMs } from './suspects.ts'
import { CodecFailedError, UnreadablePayloadError } from './values.ts'

/** Unfinished: another attempt is to be made, this one counted if its function was entered. */
interface GivenBack {
  readonly entered: boolean
  readonly delayMs: number
}

/** Runs rpc steps: what was dispatched is read from the store, never from the message (F51). */
export class StepWorker {
  readonly #parts: EngineParts
  readonly #slots: Slots
  readonly #suspects = new Slots(1)
  readonly #work = new Set<Promise<void>>()

  constructor(parts: EngineParts, concurrency: number) {
    this.#parts = parts
    this.#slots = new Slots(concurrency)
  }

  /** Claim this step if it is to be run, run one attempt, settle it. Never rejects. */
  async take(item: StepItem): Promise<void> {
    await this.#slots.take()
    if (!this.#parts.stopping.aborted) return this.#run(item)
    this.#slots.give()
    return this.#parts.dispatcher.ringAgain(item)
  }

  /** Take it if a place is free now and its function is here. */
  tryTake(item: StepItem): boolean {
    const { stopping, registry } = this.#parts
    if (stopping.aborted || !registry.rpc(item.rpcName) || !this.#slots.tryTake()) return false
    void this.#run(item)
    return true
  }

  async #run(item: StepItem): Promise<void> {
    const work = this.#take(item).catch((error: unknown) =>
      this.#parts.report({ kind: 'trouble', during: `step '${item.step.name}'`, runId: item.runId, error }),
    )
    this.#work.add(work)
    await work
    this.#work.delete(work)
    this.#slots.give()
  }

  /** Resolves when every step has been settled or given back; the engine's signals bound that. */
  async stop(): Promise<void> {
    await Promise.all(this.#work)
  }

  async #take({ runId, step }: StepItem): Promise<void> {
    const { store, owner, settings, registry, keeper, stopping, dispatcher, handOverMs, clock } = this.#parts
    const claim = await store.claimStep({
      runId,
      step,
      owner,
      claimId: randomUUID(),
      leaseMs: settings.leaseMs,
      known: registry.rpcs().map((rpc) => rpc.name),
      // What is allowed: the last of them is one too many.
      limit: { max: MAX_LOST_ATTEMPTS - 1, reason: lostAttemptsReason(step) },
    })
    if (claim === null) return
    const held = keeper.hold(claim.lease)
    const suspect = claim.lost >= suspectAfter
    const isAlone = suspect && this.#suspects.tryTake()
    try {
      if (isAlone) await clock.sleep(suspectPauseMs, AbortSignal.any([stopping, held.signal]))
      if (held.signal.aborted) return
      if (stopping.aborted) await this.#giveBack(claim, false, handOverMs)
      else if (suspect && !isAlone) await this.#giveBack(claim, false, suspectDelayMs(claim.lost))
      else await this.#runAndSettle(claim, held)
      dispatcher.progressed(runId)
    } finally {
      keeper.drop(held)
      if (isAlone) this.#suspects.give()
    }
  }

  async #runAndSettle(claim: StepClaim, held: HeldLease): Promise<void> {
    const { clock, report, graceOver, store, keeper } = this.#parts
    const patience = new AbortController()
    const outcome = await Promise.race([
      this.#attempt(claim, AbortSignal.any([held.signal, graceOver])),
      this.#graceAndMore(patience.signal),
    ])
    // With a reason at hand: without one each abort makes an error and its stack.
    patience.abort('ended')
    if (held.signal.aborted || outcome === null) return
    if ('entered' in outcome) return this.#giveBack(claim, outcome.entered, outcome.delayMs)
    // Its signal told it to stop: that it threw then is no failure of the step.
    if (graceOver.aborted && outcome.kind !== 'succeeded') return this.#giveBack(claim, true, 0)
    const signal = AbortSignal.any([held.signal, graceOver])
    const settled = await persist({ during: 'settling a step', signal, clock, report }, () =>
      store.settleStep(claim.lease, outcome),
    )
    if (settled === null) return keeper.lose(held)
    this.#tellOutcome(claim, outcome)
    if (outcome.kind === 'retry') this.#parts.sweeper.expectIn(outcome.delayMs)
    void this.#parts.dispatcher.dispatch(settled.wake)
  }

  /** Never rejects: what is not the step's doing gives it back, to be tried again a little later. Null: let the attempt be lost. */
  async #attempt(claim: StepClaim, signal: AbortSignal): Promise<StepOutcome | GivenBack | null> {
    const { app, payloads, report, settings } = this.#parts
    const { rpcName, policy, attempt, lost, lease } = claim
    const { runId, step = { name: rpcName, ordinal: 0 } } = lease
    let entered = false
    try {
      const data = await payloads.decode(claim.input, () => `the input of step ${describeStep(step)}`)
      const workflowStep = {
        runId,
        stepId: stepKey(step),
        attemptCount: attempt,
        invocationId: invocationId(runId, step),
        signal,
      }
      report({ kind: 'step-started', runId, step, attempt })
      entered = true
      return await runAttempt(
        { call: () => app.callRpc(rpcName, data, { workflowStep }), step: step.name, policy, attempt, lost },
        payloads,
      )
    } catch (error) {
      report({ kind: 'trouble', during: `step '${step.name}'`, runId, error })
      // An input that nobody can read: lost attempts are counted, and suspend the run, where given ones come back for ever.
      if (!entered && error instanceof UnreadablePayloadError && !(error instanceof CodecFailedError)) return null
      return { entered, delayMs: settings.troubleDelayMs }
    }
  }

  /** Resolves once this process' grace is over and the function, told so by its signal, has not returned either. */
  #graceAndMore(done: AbortSignal): Promise<GivenBack> {
    const { graceOver, clock, settings, handOverMs } = this.#parts
    return new Promise((resolve) => {
      const wait = (): void =>
        void clock.sleep(settings.abortGraceMs, done).then(() => resolve({ entered: true, delayMs: handOverMs }))
      if (graceOver.aborted) return wait()
      graceOver.addEventListener('abort', wait, { once: true, signal: done })
    })
  }

  async #giveBack(claim: StepClaim, entered: boolean, delayMs: number): Promise<void> {
    const { store, dispatcher } = this.#parts
    const { wake } = await store.releaseStep(claim.lease, { entered, delayMs })
    void dispatcher.dispatch(wake)
  }

  #tellOutcome({ lease, attempt, rpcName }: StepClaim, outcome: StepOutcome): void {
    const { runId, step = { name: rpcName, ordinal: 0 } } = lease
    const { report } = this.#parts
    if (outcome.kind === 'succeeded') report({ kind: 'step-succeeded', runId, step, attempt })
    else report({ kind: outcome.kind === 'retry' ? 'step-retried' : 'step-failed', runId, step, attempt })
  }
}
