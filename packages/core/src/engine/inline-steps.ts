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
  readonly #ended: InlineRecord[] = []
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
    void this.#run(attempt, key)
  }

  async #run({ id, askedAfter, attempt, run }: InlineAttempt, key: string): Promise<void> {
    try {
      this.#ended.push({ id, askedAfter, attempt, outcome: await run() })
    } catch (error) {
      this.trouble = { error }
    }
    this.#running.delete(key)
    this.#onEnded()
  }

  /** Ended and not taken yet. */
  get ended(): number {
    return this.#ended.length
  }

  /** What ended, in the order it did, `max` at a time. */
  takeEnded(max: number): readonly InlineRecord[] {
    return this.#ended.splice(0, max)
  }
}
