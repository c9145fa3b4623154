import type { InlineRecord, StepId, StepOutcome } from '../contract/index.ts'
import { stepKey } from '../domain/step-id.ts'

/** An inline step's attempt, about to run. */
export interface InlineAttempt {
  readonly id: StepId
  readonly askedAfter: number
  readonly attempt: number
  /** Rejects only for what is not the step's doing: its outcome could not be encoded. */
  run(): Promise<StepOutcome>
}

/** The inline steps of one run that execute in this process. */
export class InlineSteps {
  readonly #running = new Set<string>()
  #ended: InlineRecord[] = []
  readonly #onEnded: () => void
  /** Why an outcome could not be had; nothing more is begun then, and the run is given back when the others have ended. */
  trouble: { readonly error: unknown } | null = null

  constructor(onEnded: () => void) {
    this.#onEnded = onEnded
  }

  get running(): number {
    return this.#running.size
  }

  start(attempt: InlineAttempt): void {
    const key = stepKey(attempt.id)
    this.#running.add(key)
    const { id, askedAfter } = attempt
    void attempt
      .run()
      .then((outcome) => this.#ended.push({ id, askedAfter, attempt: attempt.attempt, outcome }))
      .catch((error: unknown) => (this.trouble = { error }))
      .then(() => {
        this.#running.delete(key)
        this.#onEnded()
      })
  }

  /** What ended since the last call, in the order it did. */
  takeEnded(): readonly InlineRecord[] {
    const ended = this.#ended
    // Also an empty one: what ends while the commit is under way must not slip into it.
    this.#ended = []
    return ended
  }
}
